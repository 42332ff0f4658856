// The settings of the commands that change the accounts file: where it is, and what the account is to be. Secrets come
// from files or the terminal, never from the command line.
import { resolve } from 'node:path';
import { isMountCap, OWN_ROOT } from './accounts/accounts-file.ts';
import { FsError, hasCode } from './base/errors.ts';
import { parsePath, showPath, type TreePath } from './base/path.ts';
import { type Config, configOf, type Loaded } from './config.ts';
import { type AccountsPlace, findAccounts, openAccountsFile } from './config-accounts.ts';
import type { UserCommandName } from './config-commands.ts';
import { openSecretFile } from './config-passphrase.ts';
import { readNode } from './config-root.ts';
import { firstLine } from './config-secrets.ts';
import { type ConfigSources, parseSetting, Settings } from './config-settings.ts';
import { BadValue, parseFlag, parseSizeBytes } from './config-values.ts';

/** What an account is to see, as far as the command line says it. */
export interface MountWish {
  readonly path: TreePath;
  readonly isReadOnly: boolean;
  /** The cap, asked for when it is needed; `new` = of a directory that is to be made. */
  readonly cap: () => Promise<string>;
  readonly isNew: boolean;
}

/** A place that can be written; what is read of a file that is not there yet is empty. */
export type WritableAccounts = AccountsPlace & { readonly write: NonNullable<AccountsPlace['write']> };

export interface UserTaskConfig {
  readonly place: WritableAccounts;
  readonly mounts: readonly MountWish[];
  readonly isReadOnly: boolean;
  /** As it was written. */
  readonly quota: string | undefined;
  readonly password: () => Promise<string>;
  readonly label: string;
  readonly path: TreePath;
  readonly isJson: boolean;
  /** A secret file, opened where it is sealed. */
  readonly readSecret: (file: string) => Promise<string>;
}

const NEW = 'new';

export async function loadUserConfig(
  command: UserCommandName,
  flags: Readonly<Record<string, unknown>>,
  sources: ConfigSources,
): Promise<Loaded & { readonly task: UserTaskConfig }> {
  const settings = await Settings.load(command, flags, sources);
  const found = await findAccounts(settings);
  if (found?.write === undefined) {
    throw new FsError('bad-config', 'which accounts file is meant is not said', {
      hint: 'give --accounts FILE; one that is not there yet is made',
    });
  }
  const { file, write } = found;
  const read = async (): Promise<string> => {
    const { text, isExposed } = await openAccountsFile(settings, file);
    settings.warnIfExposed(file, 'caps', isExposed);
    return text;
  };
  const node = command === 'user add' ? await readNode(settings) : undefined;
  const config: Config = Object.freeze(configOf(settings, node));
  settings.parsed('quota', parseSizeBytes, 0);
  const task: UserTaskConfig = {
    place: { file, read, write },
    mounts: command === 'user add' ? readMounts(settings) : [],
    isReadOnly: isToBeReadOnly(settings),
    quota: settings.find('quota')?.texts[0],
    password: () => readPassword(settings),
    label: settings.find('label')?.texts[0] ?? '',
    path: settings.parsed('path', pathOf, []),
    isJson: settings.flag('json'),
    readSecret: async (secret) => (await openSecretFile(settings, resolve(secret), 'the accounts')).text,
  };
  return { config, warnings: settings.warnings, task };
}

/** Of the command line alone: elsewhere the option is the server's, which may serve everything to be read only. */
function isToBeReadOnly(settings: Settings): boolean {
  const given = settings.layers[0]?.get('read-only');
  return given !== undefined && parseSetting(given, parseFlag);
}

/** Without --mount the account's root is asked for. */
function readMounts(settings: Settings): readonly MountWish[] {
  const given = settings.all('mount', (text) => mountOf(settings, text));
  const paths = given.map(({ path }) => showPath(path));
  const double = paths.find((path, index) => paths.indexOf(path) < index);
  if (double !== undefined) {
    throw new FsError('bad-config', `--mount is given twice for ${double}`);
  }
  return given.length > 0
    ? given
    : [{ path: [], isReadOnly: false, isNew: false, cap: () => askForCap(settings) }];
}

/** `PATH=FILE`, `PATH:ro=FILE`; `root` and `new` in place of a file. */
function mountOf(settings: Settings, text: string): MountWish {
  const [, left = '', source = ''] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (source === '') {
    throw new BadValue('is no PATH=FILE');
  }
  const isReadOnly = left.endsWith(':ro');
  const path = pathOf(isReadOnly ? left.slice(0, -':ro'.length) : left);
  const file = resolve(source.replace(/^~(?=\/|$)/, settings.sources.homeDir));
  const cap = source === OWN_ROOT ? async () => OWN_ROOT : () => capOfFile(settings, file);
  return { path, isReadOnly, isNew: source === NEW, cap };
}

async function capOfFile(settings: Settings, file: string): Promise<string> {
  const { text, isExposed } = await openSecretFile(settings, file, 'the cap');
  settings.warnIfExposed(file, 'a cap', isExposed);
  return lineOf(text, file);
}

async function askForCap(settings: Settings): Promise<string> {
  const { askSecret } = settings.sources;
  if (askSecret === undefined) {
    throw new FsError('bad-config', 'what the account is to see is not said', {
      hint: `give --mount /=FILE with a cap in FILE, --mount /=${OWN_ROOT} for what is served without accounts, or --mount /=${NEW}`,
    });
  }
  return lineOf(
    await askSecret(
      `Cap of the directory that it sees at / (${OWN_ROOT} = what is served without accounts): `,
    ),
    'the answer',
  );
}

function lineOf(text: string, where: string): string {
  const line = firstLine(text);
  if (line === undefined || !isMountCap(line)) {
    throw new FsError('bad-config', `${where} holds no cap of a directory`, {
      hint: 'its first line is to be one, and nothing else',
    });
  }
  return line;
}

async function readPassword(settings: Settings): Promise<string> {
  const { askSecret } = settings.sources;
  const isStdin = settings.find('password-file')?.texts[0] === '-';
  const file = settings.path('password-file');
  if (isStdin) {
    return passwordIn(await settings.readStdin('--password-file'), 'standard input');
  }
  if (file !== undefined) {
    const { text, isExposed } = await openSecretFile(settings, file, 'the password');
    settings.warnIfExposed(file, 'the password', isExposed);
    return passwordIn(text, file);
  }
  if (askSecret === undefined) {
    throw new FsError('bad-config', 'a password is needed, and there is no terminal to ask at', {
      hint: 'give --password-file FILE, or - for standard input',
    });
  }
  const password = passwordIn(await askSecret('Password: '), 'the answer');
  if (password !== (await askSecret('The same again: '))) {
    throw new FsError('bad-config', 'these were two passwords', { hint: 'try again; nothing was changed' });
  }
  return password;
}

/** Only the line's end is taken away: a password may begin and end with spaces. */
function passwordIn(text: string, where: string): string {
  const password = text.replace(/^\ufeff/, '').split(/\r?\n/)[0] ?? '';
  if (password === '') {
    throw new FsError('bad-config', `${where} has no password in its first line`);
  }
  if (/\p{Cc}/u.test(password)) {
    throw new FsError(
      'bad-config',
      `the password in ${where} has a control character, which no login can carry`,
    );
  }
  return password.normalize('NFC');
}

function pathOf(text: string): TreePath {
  try {
    return parsePath(text);
  } catch (error) {
    if (hasCode(error, 'bad-path')) {
      throw new BadValue('is no path like /team');
    }
    throw error;
  }
}
