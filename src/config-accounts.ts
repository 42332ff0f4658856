// Which accounts file is served, and how it is read and changed: opened where it is sealed, and written back as it was.
import { open, unlink } from 'node:fs/promises';
import type { Clock } from './base/clock.ts';
import { systemClock } from './base/clock.ts';
import { FsError, systemCode } from './base/errors.ts';
import { credentialOf, openSecretFile, warnIfInClear } from './config-passphrase.ts';
import type { Settings } from './config-settings.ts';
import { writeSecretFile } from './seal/secret-file.ts';

export interface AccountsPlace {
  readonly file: string;
  /** Its text; `bad-config` where it can't be had. */
  readonly read: () => Promise<string>;
  /** One change at a time, also among processes; undefined where it is not ours to write. */
  readonly write: ((change: (text: string) => string) => Promise<void>) | undefined;
}

const ACCOUNTS = 'the accounts';
const WAIT_MS = 5_000;
const TRY_EVERY_MS = 50;

/** Undefined = there is no accounts file. */
export async function findAccounts(settings: Settings): Promise<AccountsPlace | undefined> {
  const given = settings.path('accounts');
  const credential = given === undefined ? await credentialOf(settings, 'accounts') : undefined;
  const file = given ?? credential;
  if (file === undefined) {
    return undefined;
  }
  const read = async (): Promise<string> => (await openSecretFile(settings, file, ACCOUNTS)).text;
  if (credential !== undefined) {
    return { file, read, write: undefined };
  }
  return { file, read, write: (change) => changeFile(settings, file, change) };
}

/** Once, at the start: what is wrong with where it lies. */
export async function warnOfAccounts(settings: Settings, { file }: AccountsPlace): Promise<void> {
  const { passphrase, isExposed } = await openSecretFile(settings, file, ACCOUNTS);
  settings.warnIfExposed(file, 'caps', isExposed);
  await warnIfInClear(settings, {
    file,
    what: "the accounts' caps",
    isSealed: passphrase !== undefined,
    instead: 'seal it by tahoe-webdav secret seal, or keep it on another disk',
  });
}

/** Changes a file, or makes one where there is none. */
async function changeFile(settings: Settings, file: string, change: (text: string) => string): Promise<void> {
  await using _lock = await lockOf(file, systemClock);
  const found = await openSecretFile(settings, file, ACCOUNTS).catch((error: unknown) => {
    if (error instanceof FsError && systemCode(error.cause) === 'ENOENT') {
      return { text: '', passphrase: undefined };
    }
    throw error;
  });
  const text = change(found.text);
  if (text !== found.text) {
    try {
      await writeSecretFile(file, { text, passphrase: found.passphrase });
    } catch (error) {
      throw unwritable(file, error);
    }
  }
}

/** Two commands that change one file at once would lose what one of them did. */
async function lockOf(file: string, clock: Clock): Promise<AsyncDisposable> {
  const lock = `${file}.lock`;
  for (let waitedMs = 0; ; waitedMs += TRY_EVERY_MS) {
    try {
      await (await open(lock, 'wx', 0o600)).close();
      return { [Symbol.asyncDispose]: () => unlink(lock) };
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') {
        throw unwritable(file, error);
      }
      if (waitedMs >= WAIT_MS) {
        throw new FsError('unavailable', `${lock} is there`, {
          hint: 'another command changes the accounts, or one was killed: then remove that file',
          cause: error,
        });
      }
      await clock.sleep(TRY_EVERY_MS);
    }
  }
}

function unwritable(file: string, cause: unknown): unknown {
  return systemCode(cause) === undefined
    ? cause
    : new FsError('denied', `${file} can not be written (${systemCode(cause)})`, { cause });
}
