// Which accounts file is served, and how it is read and changed: opened where it is sealed, and written back as it was.
// A change is read, made and written under a lock, so that two at once lose nothing.
import { mkdir, open, readlink, realpath, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Clock, systemClock } from './base/clock.ts';
import { FsError, systemCode } from './base/errors.ts';
import { credentialOf, type OpenedSecret, openSecretFile, warnIfInClear } from './config-passphrase.ts';
import type { Settings } from './config-settings.ts';
import { writeSecretFile } from './seal/secret-file.ts';

export interface AccountsPlace {
  readonly file: string;
  /** Its text; `bad-config` where it can't be had. */
  readonly read: () => Promise<string>;
  /**
   * One change at a time, also among processes; a file that is not there is made. `denied` where it can't be written.
   * Undefined where it is not ours to write.
   */
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

/** The text, or none where there is no file yet. */
export async function openAccountsFile(
  settings: Settings,
  file: string,
): Promise<Pick<OpenedSecret, 'text' | 'passphrase' | 'isExposed'>> {
  try {
    return await openSecretFile(settings, file, ACCOUNTS);
  } catch (error) {
    if (error instanceof FsError && systemCode(error.cause) === 'ENOENT') {
      return { text: '', passphrase: undefined, isExposed: false };
    }
    throw error;
  }
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

async function changeFile(settings: Settings, file: string, change: (text: string) => string): Promise<void> {
  try {
    const target = await targetOf(file);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await using _lock = await lockOf(target, systemClock);
    const { text: old, passphrase } = await openAccountsFile(settings, target);
    const text = change(old);
    if (text !== old) {
      await writeSecretFile(target, { text, passphrase });
    }
  } catch (error) {
    throw unwritable(file, error);
  }
}

/** What `file` links to, there already or not: that is written, and locked whatever it is called by. */
async function targetOf(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') {
      throw error;
    }
    const link = await readlink(file).catch(() => undefined); // no link: not there at all
    return link === undefined ? file : await targetOf(resolve(dirname(file), link));
  }
}

/** Two commands that change one file at once would lose what one of them did. */
async function lockOf(file: string, clock: Clock): Promise<AsyncDisposable> {
  const lock = `${file}.lock`;
  const goOn = (): void => undefined;
  for (let waitedMs = 0; ; waitedMs += TRY_EVERY_MS) {
    try {
      await (await open(lock, 'wx', 0o600)).close();
      process.on('SIGINT', goOn).on('SIGTERM', goOn); // some milliseconds, or the lock would stay
      return {
        [Symbol.asyncDispose]: async () => {
          process.off('SIGINT', goOn).off('SIGTERM', goOn);
          await unlink(lock);
        },
      };
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') {
        throw error;
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
  const code = cause instanceof FsError ? undefined : systemCode(cause);
  return code !== undefined && /^E[A-Z]+$/.test(code) // not ERR_...: that is a bug
    ? new FsError('denied', `${file} can not be written (${code})`, { cause })
    : cause;
}
