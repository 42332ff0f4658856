// The settings of commands about sealed files and recovery kits.
import { basename } from 'node:path';
import { FsError } from './base/errors.ts';
import { type Config, configOf, type Loaded, readAccount } from './config.ts';
import type { SecretCommandName } from './config-commands.ts';
import { OPTION_NAMES, OPTIONS, type OptionName } from './config-options.ts';
import { changedPassphraseOf, newPassphraseOf, passphraseOf } from './config-passphrase.ts';
import { findRootCap, readNode } from './config-root.ts';
import { type ConfigSources, Settings } from './config-settings.ts';
import type { RecoveryKit } from './recovery-kit.ts';

type Flags = Readonly<Record<string, unknown>>;

/** Asked for when they are needed. */
export interface SecretTaskConfig {
  /** Of what is sealed. */
  readonly passphrase: () => Promise<string>;
  /** For what is to be sealed. */
  readonly newPassphrase: () => Promise<string>;
}

export async function loadSecretConfig(
  command: SecretCommandName,
  file: string,
  flags: Flags,
  sources: ConfigSources,
): Promise<Loaded & { readonly task: SecretTaskConfig }> {
  const settings = await Settings.load(command, flags, sources);
  const task = {
    passphrase: () => passphraseOf(settings, `Passphrase of ${file}: `),
    newPassphrase: () =>
      command === 'secret change' ? changedPassphraseOf(settings) : newPassphraseOf(settings, file),
  };
  return { config: Object.freeze(configOf(settings, undefined)), warnings: settings.warnings, task };
}

export interface KitExportConfig {
  readonly out: string;
  readonly accountFiles: readonly string[];
  readonly settings: RecoveryKit['settings'];
  readonly newPassphrase: () => Promise<string>;
}

export async function loadKitExportConfig(
  flags: Flags,
  sources: ConfigSources,
): Promise<Loaded & { readonly task: KitExportConfig }> {
  const settings = await Settings.load('recovery-kit export', flags, sources);
  const out = settings.path('out');
  if (out === undefined) {
    throw new FsError('bad-config', 'where the recovery kit goes is not said', {
      hint: 'give --out the name of a new file',
    });
  }
  const node = await readNode(settings);
  const config: Config = {
    ...configOf(settings, node),
    account: await readAccount(settings),
    rootCapText: await findRootCap(settings, node !== undefined),
  };
  const task = {
    out,
    accountFiles: [settings.path('accounts')].filter((file) => file !== undefined),
    settings: settingsToKeep(settings),
    newPassphrase: () => newPassphraseOf(settings, basename(out)),
  };
  return { config: Object.freeze(config), warnings: settings.warnings, task };
}

export interface KitImportConfig {
  readonly into: string;
  readonly isForced: boolean;
  readonly passphrase: () => Promise<string>;
}

export async function loadKitImportConfig(
  file: string,
  flags: Flags,
  sources: ConfigSources,
): Promise<Loaded & { readonly task: KitImportConfig }> {
  const settings = await Settings.load('recovery-kit import', flags, sources);
  const config = configOf(settings, undefined);
  const task = {
    into: settings.path('into') ?? config.configDir,
    isForced: settings.flag('force'),
    passphrase: () => passphraseOf(settings, `Passphrase of ${file}: `),
  };
  return { config: Object.freeze(config), warnings: settings.warnings, task };
}

/** What says where a secret or the cache lies is another place on another machine. */
const PLACES: readonly OptionName[] = [
  'config',
  'rootcap-file',
  'rootcap-command',
  'alias',
  'password-file',
  'passphrase-file',
  'passphrase-command',
  'cache-dir',
  'accounts',
];

function settingsToKeep(settings: Settings): RecoveryKit['settings'] {
  const kept = OPTION_NAMES.filter(
    (name) => OPTIONS[name].commands.includes('serve') && !PLACES.includes(name),
  );
  return Object.fromEntries(
    kept.flatMap((name) => {
      const found = settings.find(name);
      return found ? [[name, found.texts]] : [];
    }),
  );
}
