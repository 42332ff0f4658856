// What opens sealed files, and secret files opened by it. Asked for when the first sealed file is met, and once: by option,
// configuration file or systemd credential, else at the terminal.
import { access } from 'node:fs/promises';
import { FsError } from './base/errors.ts';
import { PASSPHRASE_VARIABLE } from './config-options.ts';
import { lineOfProgram } from './config-program.ts';
import { isOnSameDisk, readSecretFile } from './config-secrets.ts';
import type { Settings } from './config-settings.ts';
import { openSecretText, type SecretText } from './seal/secret-file.ts';

export interface OpenedSecret extends SecretText {
  /** Others than its owner may read it, and it is not sealed. */
  readonly isExposed: boolean;
}

const known = new WeakMap<Settings, Promise<string>>();
/** What was said of it without a question: standard input gives it once only. */
const said = new WeakMap<Settings, Promise<string | undefined>>();

/** A secret file, opened where it is sealed; `what` it is for messages: `the rootcap`. */
export async function openSecretFile(settings: Settings, file: string, what: string): Promise<OpenedSecret> {
  const { text, isExposed } = await readSecretFile(file, what);
  const opened = await openSecretText(text, file, () => passphraseOf(settings, `Passphrase of ${file}: `));
  return { ...opened, isExposed: isExposed && opened.passphrase === undefined };
}

/** Throws `bad-config` where none is given and nobody can be asked. */
export function passphraseOf(settings: Settings, question: string): Promise<string> {
  const found = known.get(settings) ?? find(settings, question);
  known.set(settings, found);
  return found;
}

/** The same for one that is to be set: whoever types it types it twice. */
export async function newPassphraseOf(settings: Settings, file: string): Promise<string> {
  return (await given(settings)) ?? (await askTwice(settings, `Passphrase for ${file}`));
}

/** Of `secret change`. */
export async function changedPassphraseOf(settings: Settings): Promise<string> {
  const setting = settings.find('new-passphrase-file');
  return setting === undefined
    ? await askTwice(settings, 'New passphrase')
    : await lineOfFile(settings, 'new-passphrase-file');
}

export interface ClearText {
  readonly file: string;
  /** `the rootcap`. */
  readonly what: string;
  readonly isSealed: boolean;
  /** How to keep it apart. */
  readonly instead: string;
}

/** What is sealed in the cache directory is open to whoever has both. Said once, by `serve`. */
export async function warnIfInClear(
  settings: Settings,
  { file, what, isSealed, instead }: ClearText,
): Promise<void> {
  const cacheDir = settings.path('cache-dir') ?? settings.xdg('XDG_STATE_HOME', '.local/state');
  if (settings.command === 'serve' && !isSealed && (await isOnSameDisk(file, cacheDir))) {
    settings.warnings.push(
      `${file} holds ${what} in clear, on the disk of the cache directory: who gets that disk can read both. ` +
        `To keep them apart, ${instead}`,
    );
  }
}

/** The credential's file where systemd has put it ready. */
export async function credentialOf(settings: Settings, name: string): Promise<string | undefined> {
  const file = settings.credentialFile(name);
  const isThere =
    file !== undefined &&
    (await access(file).then(
      () => true,
      () => false,
    ));
  return isThere ? file : undefined;
}

async function find(settings: Settings, question: string): Promise<string> {
  const passphrase = await given(settings);
  return passphrase ?? (await ask(settings, question));
}

function given(settings: Settings): Promise<string | undefined> {
  const found = said.get(settings) ?? read(settings);
  said.set(settings, found);
  return found;
}

async function read(settings: Settings): Promise<string | undefined> {
  if ((settings.sources.env[PASSPHRASE_VARIABLE] ?? '') !== '') {
    throw new FsError('bad-config', `${PASSPHRASE_VARIABLE} is not taken: every child process sees it`, {
      hint: 'give --passphrase-file FILE or --passphrase-command COMMAND',
    });
  }
  const chosen = settings.oneOf(['passphrase-file', 'passphrase-command'], 'the passphrase');
  if (chosen === 'passphrase-file') {
    return await lineOfFile(settings, chosen);
  }
  if (chosen !== undefined) {
    const { texts, where } = settings.find(chosen) ?? { texts: [], where: chosen };
    return await lineOfProgram({ commandLine: texts[0] ?? '', where, env: settings.sources.env });
  }
  const credential = await credentialOf(settings, 'passphrase');
  return credential && passphraseIn(await readSecretFile(credential, 'the passphrase'), credential);
}

async function lineOfFile(
  settings: Settings,
  option: 'passphrase-file' | 'new-passphrase-file',
): Promise<string> {
  if (settings.find(option)?.texts[0] === '-') {
    return passphraseIn({ text: await settings.readStdin(`--${option}`) }, 'standard input');
  }
  const file = settings.path(option) ?? '';
  const found = await readSecretFile(file, 'the passphrase');
  settings.warnIfExposed(file, 'the passphrase', found.isExposed);
  return passphraseIn(found, file);
}

/** Only the line's end is taken away: a passphrase may begin and end with spaces. */
function passphraseIn({ text }: { readonly text: string }, where: string): string {
  const line = text.replace(/^\ufeff/, '').split(/\r?\n/)[0] ?? '';
  if (line === '') {
    throw new FsError('bad-config', `the first line of ${where} is empty; it is to hold the passphrase`);
  }
  return line;
}

async function askTwice(settings: Settings, what: string): Promise<string> {
  const passphrase = await ask(settings, `${what}: `);
  if (passphrase !== (await ask(settings, 'The same again: '))) {
    throw new FsError('bad-config', 'these were two passphrases', { hint: 'try again; nothing was changed' });
  }
  return passphrase;
}

async function ask(settings: Settings, question: string): Promise<string> {
  const { askSecret } = settings.sources;
  if (askSecret === undefined) {
    throw new FsError('bad-config', 'a passphrase is needed, and there is no terminal to ask at', {
      hint: 'give --passphrase-file FILE or --passphrase-command COMMAND',
    });
  }
  return await askSecret(question);
}
