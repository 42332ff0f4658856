// When the bytes of a file that lie here may go: once nobody refers to them. What the grid has by then is copied into
// the clean cache first, so that it is still read from here. At a start, what a crash has left over is put away.
import { blockCountOf } from '../base/blocks.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { BlockCache } from '../cache/block-cache.ts';
import type { DirtyStore } from '../dirty/dirty-store.ts';
import type { Landed } from '../edits/landed.ts';
import type { PendingEdit } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { SealedRecords } from '../edits/sealed-records.ts';
import type { Stands } from '../edits/stands.ts';
import type { DirInode } from '../inode/dir-inode.ts';
import type { DirTable } from '../inode/dir-table.ts';
import type { LocalBytes } from '../inode/local-files.ts';
import { identityOf, type LocalFileCap, parseCap, parseOwnCap } from '../tahoe/caps.ts';
import { putAwayLeftovers } from './leftovers.ts';
import { localFileOf } from './local-file.ts';

/** Who else needs bytes that no pending edit wants. */
export interface BodyUsers {
  /** It is being sent to the grid, or is about to be linked there. */
  isBusy(cap: LocalFileCap): boolean;
  /** It can still be brought back. */
  isInTrash(id: string): boolean;
  /** Drops edits of which nothing is to be kept. */
  drop(edits: readonly PendingEdit[]): Promise<void>;
}

export interface BodyKeeperParts {
  readonly pending: PendingEdits;
  readonly landed: Landed;
  readonly records: SealedRecords;
  readonly stands: Stands;
  readonly bodies: LocalBytes & Pick<DirtyStore, 'ids' | 'remove' | 'setLost'>;
  readonly dirs: DirTable;
  readonly root: DirInode;
  readonly cache: Pick<BlockCache, 'content'>;
  readonly users: BodyUsers;
  readonly clock: Clock;
  readonly log: Logger;
  /** False: the store that knew the files here is lost, so none of them may be taken for left over. */
  readonly isStoreKnown: boolean;
}

interface Unwanted {
  readonly cap: LocalFileCap;
  /** Monotonic. */
  readonly atMs: number;
}

/** So long somebody who is just copying a file has for wanting it. */
const GRACE_MS = 10_000;

export class BodyKeeper {
  readonly #parts: BodyKeeperParts;
  /** What lay here, and was noted, before anything of this process came. */
  readonly #found: readonly string[];
  readonly #foundGen: number;
  /** By local cap, the longest unwanted first. */
  readonly #unwanted = new Map<string, Unwanted>();
  #timer: Disposable | undefined;
  #working: Promise<void> | undefined;
  #isStopped = false;

  constructor(parts: BodyKeeperParts) {
    this.#parts = parts;
    this.#found = parts.bodies.ids();
    this.#foundGen = parts.pending.nextGen();
    parts.pending.onSettled((before) => this.#settled(before));
  }

  /**
   * Puts away what a crash has left over; clients may be served meanwhile. After what the trash holds is known. Rejects
   * with what the store or the disk says.
   */
  async start(): Promise<void> {
    const { landed, isStoreKnown } = this.#parts;
    const found = isStoreKnown ? this.#found : [];
    await putAwayLeftovers({ ...this.#parts, found, foundGen: this.#foundGen });
    if (isStoreKnown) {
      for (const [text] of landed.all()) {
        const cap = parseOwnCap(text);
        if (cap.kind === 'local-file') {
          this.released(cap);
        }
      }
    }
  }

  /** Something that referred to the file is gone: if it was the last one, the bytes go after a while. */
  released(cap: LocalFileCap): void {
    if (this.#isStopped || this.#unwanted.has(cap.text) || !this.#isUnwanted(cap)) {
      return;
    }
    this.#unwanted.set(cap.text, { cap, atMs: this.#parts.clock.monotonicMs() });
    this.#plan();
  }

  /** Resolves when nothing is being removed; what waits for that is found by the next start. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.[Symbol.dispose]();
    await this.#working;
  }

  /** Copies what the grid has into the clean cache, and removes the bytes here, unless they are wanted again. */
  async #discard(cap: LocalFileCap): Promise<void> {
    const { landed, records, bodies } = this.#parts;
    const caps = landed.capsOf(cap.text);
    if (caps !== undefined && bodies.has(cap.id)) {
      await this.#copyToCache(cap, caps.readCap);
    }
    if (!this.#isUnwanted(cap) || this.#parts.users.isBusy(cap)) {
      return;
    }
    await bodies.remove([cap.id]);
    // Who wanted it meanwhile, by the name that it had here, needs the record after a restart.
    if (caps !== undefined && this.#isUnwanted(cap)) {
      await records.commit([landed.forget(cap.text)]);
    }
  }

  #settled(before: PendingEdit | undefined): void {
    const cap = before && localFileOf(before);
    if (cap !== undefined) {
      this.released(cap);
    }
  }

  #isUnwanted(cap: LocalFileCap): boolean {
    const { pending, users } = this.#parts;
    return pending.wanting(cap.text).size === 0 && !users.isInTrash(cap.id);
  }

  #plan(): void {
    const [first] = this.#unwanted.values();
    if (this.#timer !== undefined || this.#working !== undefined || this.#isStopped || first === undefined) {
      return;
    }
    const { clock } = this.#parts;
    const waitMs = Math.max(0, first.atMs + GRACE_MS - clock.monotonicMs());
    this.#timer = clock.after(waitMs, () => {
      this.#timer = undefined;
      this.#working = this.#removeDue().finally(() => {
        this.#working = undefined;
        this.#plan();
      });
    });
  }

  /** One file at a time: clients come first. */
  async #removeDue(): Promise<void> {
    const { clock, users, log } = this.#parts;
    for (const [text, { cap, atMs }] of this.#unwanted) {
      if (this.#isStopped || atMs + GRACE_MS > clock.monotonicMs()) {
        return;
      }
      this.#unwanted.delete(text);
      if (this.#isUnwanted(cap) && users.isBusy(cap)) {
        this.#unwanted.set(text, { cap, atMs: clock.monotonicMs() });
        continue;
      }
      await this.#discard(cap).catch((error: unknown) => {
        log.warn({ err: error, id: cap.id }, 'bytes that nobody needs stay here until the next start');
      });
    }
  }

  /** As far as that goes: it can be had from the grid too. */
  async #copyToCache(cap: LocalFileCap, readCap: string): Promise<void> {
    const { bodies, cache, log } = this.#parts;
    const there = parseCap(readCap);
    if (there.kind !== 'chk') {
      return;
    }
    try {
      using _hold = bodies.hold(cap.id);
      const from = bodies.content(cap.id, cap.sizeBytes);
      const to = cache.content(identityOf(there), cap.sizeBytes);
      for (let index = 0; index < blockCountOf(cap.sizeBytes) && !this.#isStopped; index += 1) {
        if (!(await to.has(index)) && !(await to.write(index, await from.read(index)))) {
          return; // there is no room
        }
      }
    } catch (error) {
      log.debug({ err: error, id: cap.id }, 'a file that is on the grid now was not kept here');
    }
  }
}
