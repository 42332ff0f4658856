// The accounts of a running server: read from their file, and again whenever it changes. A file that can't be used is told
// once and changes nothing: whoever could log in still can, and nobody else. A change counts once the file stands still:
// an editor may empty it before it writes, and that is not meant.
import { stat } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { hasCode, systemCode } from '../base/errors.ts';
import { Limiter } from '../base/limiter.ts';
import type { Logger } from '../base/log.ts';
import { hashPassword } from '../seal/password.ts';
import type { Account } from './account.ts';
import { parseAccounts } from './accounts-file.ts';
import { AccountsText } from './edit-accounts.ts';
import { isSftpdFile, parseSftpdFile } from './sftpd-file.ts';

export type AccountMap = ReadonlyMap<string, Account>;

export interface AccountsSourceParts {
  readonly file: string;
  /** Its text, opened where it is sealed. */
  readonly read: () => Promise<string>;
  /** Replaces it, sealed as it was; undefined where it is not ours to write. */
  readonly write: ((change: (text: string) => string) => Promise<void>) | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A change is seen after so long at most, ... */
const LOOK_EVERY_MS = 2_000;
/** ... and counts when the file has been the same for so long. */
const STILL_MS = 500;
/** A version that could not be taken may have failed for another reason than what stands in it. */
const AGAIN_AFTER_MS = 30_000;

export class AccountsSource {
  readonly #parts: AccountsSourceParts;
  #accounts: AccountMap = new Map();
  /** The version that counts. */
  #mark: string | undefined;
  /** The version that was seen last. */
  #seen: string | undefined;
  #failed: { readonly mark: string; readonly atMs: number } | undefined;
  #complaint: string | undefined;
  #changed: (accounts: AccountMap) => Promise<void> = async () => undefined;
  #timer: Disposable | undefined;
  readonly #turn = new Limiter(1);
  #isStopped = false;

  private constructor(parts: AccountsSourceParts) {
    this.#parts = parts;
  }

  /** Throws `bad-config` where the file can't be used. */
  static async open(parts: AccountsSourceParts): Promise<AccountsSource> {
    const source = new AccountsSource(parts);
    source.#mark = await markOf(parts.file);
    source.#seen = source.#mark;
    source.#accounts = await accountsOf(await parts.read(), parts.file);
    const silent = [...source.#accounts.values()].filter(
      ({ password, tokens, isLeaving }) => password === undefined && tokens.length === 0 && !isLeaving,
    );
    if (silent.length > 0) {
      parts.log.warn(
        { accounts: silent.map(({ name }) => name) },
        'these accounts have neither a password nor a token: nobody can log in to them by name',
      );
    }
    return source;
  }

  get accounts(): AccountMap {
    return this.#accounts;
  }

  /** From now on `changed` is told of every new version, one after the other. */
  watch(changed: (accounts: AccountMap) => Promise<void>): void {
    this.#changed = changed;
    this.#lookLater(LOOK_EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.[Symbol.dispose]();
    using _turn = await this.#turn.take();
  }

  /** Takes the file as it is now. */
  async reload(): Promise<void> {
    using _turn = await this.#turn.take();
    if (!this.#isStopped) {
      await this.#take(await markOf(this.#parts.file));
    }
  }

  /** Takes removed accounts out of the file, as far as they are still marked so there, and it can be written. */
  async drop(names: readonly string[]): Promise<void> {
    const { file, write, log } = this.#parts;
    if (names.length === 0) {
      return;
    }
    let gone: readonly string[] = [];
    try {
      await write?.((text) => {
        const now = parseAccounts(text, file);
        gone = names.filter((name) => now.get(name)?.isLeaving === true);
        const edited = new AccountsText(text);
        for (const name of gone) {
          edited.remove(name);
        }
        return gone.length === 0 ? text : edited.toString();
      });
    } catch (error) {
      if (!hasCode(error, 'denied', 'unavailable', 'bad-config')) {
        throw error;
      }
      log.warn(
        { accounts: names, err: error },
        'removed accounts could not be taken out of the accounts file',
      );
      return;
    }
    if (write === undefined) {
      log.info({ accounts: names }, 'these removed accounts can be taken out of the accounts file now');
    } else if (gone.length > 0) {
      log.info(
        { accounts: gone },
        'nothing of these removed accounts waits any more: they are out of the file',
      );
    }
  }

  #lookLater(delayMs: number): void {
    if (!this.#isStopped) {
      this.#timer = this.#parts.clock.after(delayMs, () => {
        void this.#look().then((nextMs) => this.#lookLater(nextMs));
      });
    }
  }

  /** Gives the time until the next look. */
  async #look(): Promise<number> {
    using _turn = await this.#turn.take();
    if (this.#isStopped) {
      return LOOK_EVERY_MS;
    }
    const mark = await markOf(this.#parts.file);
    if (mark !== this.#seen) {
      this.#seen = mark;
      return STILL_MS;
    }
    if (mark !== this.#mark && !this.#hasJustFailed(mark)) {
      await this.#take(mark);
    }
    return LOOK_EVERY_MS;
  }

  #hasJustFailed(mark: string): boolean {
    const failed = this.#failed;
    return failed?.mark === mark && this.#parts.clock.monotonicMs() - failed.atMs < AGAIN_AFTER_MS;
  }

  /** Never throws. */
  async #take(mark: string): Promise<void> {
    const { file, read, log, clock } = this.#parts;
    try {
      const accounts = await accountsOf(await read(), file);
      await this.#changed(accounts);
      this.#accounts = accounts;
      this.#mark = mark;
      this.#complaint = undefined;
      log.info({ accounts: accounts.size }, 'the accounts file was read again');
    } catch (error) {
      const complaint = error instanceof Error ? error.message : 'it can not be used';
      if (complaint !== this.#complaint) {
        log.error({ err: error }, 'the accounts file can not be used now: the accounts stay as they were');
      }
      this.#complaint = complaint;
      this.#failed = { mark, atMs: clock.monotonicMs() };
    }
    this.#seen = mark;
  }
}

/** Of an accounts file of either kind; passwords in clear are hashed. Throws `bad-config`. */
export async function accountsOf(text: string, file: string): Promise<AccountMap> {
  if (!isSftpdFile(text)) {
    return parseAccounts(text, file);
  }
  const accounts = new Map<string, Account>();
  for (const { name, password, cap } of parseSftpdFile(text, file)) {
    accounts.set(name, {
      name,
      password: password === undefined ? undefined : await hashPassword(password.normalize('NFC')),
      isReadOnly: false,
      quotaBytes: Number.POSITIVE_INFINITY,
      mounts: [{ path: [], cap, isReadOnly: false }],
      tokens: [],
      isLeaving: false,
    });
  }
  return accounts;
}

/** Another one once the file was changed or replaced, or is away. */
async function markOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = await stat(file);
    return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
  } catch (error) {
    return systemCode(error) ?? 'unreadable'; // reading it says what is wrong
  }
}
