// The mounts of a process: each directory that somebody is to see is opened once, however many accounts name it, by
// whichever path and by a read or a write cap. One that nobody names any more stays, without anybody seeing it, until all
// that was changed in it is on the grid. That one can't be opened is no trouble for the others: it is tried again.
import { type BackoffPolicy, backoffMs } from './base/backoff.ts';
import { FsError } from './base/errors.ts';
import { Limiter } from './base/limiter.ts';
import type { Resource, Tree } from './inode/tree.ts';
import { isWriteCap, type Mount, type MountParts, openMount, rootIdOfCap } from './open-mount.ts';
import { randomFraction } from './seal/random.ts';
import { drain } from './sync/drain.ts';
import { LateTree } from './views/late-tree.ts';
import type { LockTable } from './webdav/locks.ts';

export interface MountSetParts extends Omit<MountParts, 'memoryShare'> {
  readonly locks: LockTable;
}

/** A place for one mount, also while it is closed. */
interface Slot {
  readonly rootId: string;
  cap: string;
  mount: Mount | undefined;
  /** Why there is none. */
  failure: unknown;
  tries: number;
  /** Somebody is to see it; else it stays only until all of it is on the grid. */
  isWanted: boolean;
  /** It was told why it stays. */
  isTold: boolean;
  /** What waits in it is being sent, without its usual rest. */
  isHurried: boolean;
  /** The next try, or the next look whether it may go. */
  timer: Disposable | undefined;
}

const OPEN_AT_ONCE = 4;
const RETRY: BackoffPolicy = { baseMs: 2_000, capMs: 60_000 };
const LEAVING_EVERY_MS = 2_000;

export class MountSet {
  readonly #parts: MountSetParts;
  readonly #slots = new Map<string, Slot>();
  /** One change of the set at a time. */
  readonly #turn = new Limiter(1);
  readonly #opening = new Limiter(OPEN_AT_ONCE);
  #left: (rootId: string) => void = () => undefined;
  /** The part of the memory that each mount opened from now on may use. */
  #memoryShare = 1;
  #isClosed = false;

  constructor(parts: MountSetParts) {
    this.#parts = parts;
  }

  /** Those that are open. */
  get mounts(): readonly Mount[] {
    return [...this.#slots.values()].flatMap(({ mount }) => mount ?? []);
  }

  /** Of all that are open, or are to be. */
  get rootIds(): readonly string[] {
    return [...this.#slots.keys()];
  }

  /** Told of each mount that nobody names any more, when all of it is on the grid and it is closed. */
  onLeft(left: (rootId: string) => void): void {
    this.#left = left;
  }

  /** Opens the one mount of a server without accounts. Rejects where it can't be opened. */
  async open(cap: string): Promise<Mount> {
    using _turn = await this.#turn.take();
    const slot = this.#slotOf(rootIdOfCap(cap), cap);
    return await this.#open(slot);
  }

  /** From now on these are the mounts; caps of one directory are one. Resolves when each is open or has failed. */
  async update(caps: readonly string[]): Promise<void> {
    using _turn = await this.#turn.take();
    const wanted = strongest(caps);
    for (const [rootId, slot] of this.#slots) {
      slot.isWanted = wanted.has(rootId);
      if (!slot.isWanted) {
        await this.#guarded(slot, () => this.#lookWhetherToGo(slot));
      }
    }
    this.#memoryShare = 1 / Math.max(1, wanted.size);
    await Promise.all(
      [...wanted].map(async ([rootId, cap]) => {
        using _place = await this.#opening.take();
        const slot = this.#slotOf(rootId, cap);
        slot.isWanted = true;
        slot.isTold = false;
        await this.#guarded(slot, async () => {
          if (isWriteCap(cap) && !isWriteCap(slot.cap)) {
            await this.#close(slot);
            slot.cap = cap; // never the other way: what waits goes to the grid by the write cap alone
          }
          if (slot.mount === undefined) {
            await this.#tryToOpen(slot);
          }
        });
      }),
    );
  }

  /** Undefined while it is not open. */
  get(cap: string): Mount | undefined {
    return this.#slots.get(rootIdOfCap(cap))?.mount;
  }

  /** The tree behind a cap, whatever becomes of the mount meanwhile: `unavailable` while it is not open. */
  treeOf(cap: string): Tree {
    const rootId = rootIdOfCap(cap);
    return new LateTree(() => {
      const slot = this.#slots.get(rootId);
      if (slot?.mount === undefined || !slot.isWanted) {
        throw new FsError('unavailable', 'this directory can not be served just now', {
          cause: slot?.failure,
        });
      }
      return slot.mount.tree;
    });
  }

  /** Where a resource of the tree behind `cap` is on its way to the grid. */
  syncStateOf(cap: string): (resource: Resource) => string {
    const rootId = rootIdOfCap(cap);
    return (resource) => this.#slots.get(rootId)?.mount?.syncStateOf?.(resource) ?? 'synced';
  }

  /** A last time in which what waits may still reach the grid. */
  async drain(graceMs: number): Promise<void> {
    await Promise.all(this.mounts.map(({ sync }) => drain(sync, graceMs, this.#parts)));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    using _turn = await this.#turn.take();
    await Promise.all([...this.#slots.values()].map((slot) => this.#close(slot)));
  }

  #slotOf(rootId: string, cap: string): Slot {
    const known = this.#slots.get(rootId);
    if (known) {
      return known;
    }
    const slot: Slot = {
      rootId,
      cap,
      mount: undefined,
      failure: undefined,
      tries: 0,
      isWanted: true,
      isTold: false,
      isHurried: false,
      timer: undefined,
    };
    this.#slots.set(rootId, slot);
    return slot;
  }

  async #open(slot: Slot): Promise<Mount> {
    const { locks } = this.#parts;
    const mount = await openMount(slot.cap, { ...this.#parts, memoryShare: this.#memoryShare });
    const topId = mount.tree.root.dirId;
    try {
      await locks.attach(topId, mount.shared, (dirId) => mount.tree.otherIdOf(dirId));
      await mount.start();
    } catch (error) {
      locks.detach(topId);
      await mount.close();
      throw error;
    }
    slot.mount = mount;
    slot.failure = undefined;
    return mount;
  }

  async #tryToOpen(slot: Slot): Promise<void> {
    const { log, clock } = this.#parts;
    try {
      await this.#open(slot);
      slot.tries = 0;
    } catch (error) {
      if (slot.tries === 0) {
        log.error({ err: error, root: slot.rootId }, 'a mount can not be opened now; the others are served');
      }
      slot.failure = error;
      slot.tries += 1;
      // Also where nobody is to see it any more: who knows what waits in it.
      this.#later(slot, backoffMs(RETRY, slot.tries, randomFraction()), async () => {
        if (slot.mount === undefined) {
          await this.#tryToOpen(slot);
        }
      });
      return;
    }
    log.debug({ root: slot.rootId, atMs: clock.now() }, 'a mount was opened');
    if (!slot.isWanted) {
      this.#lookLater(slot);
    }
  }

  async #close(slot: Slot): Promise<void> {
    slot.timer?.[Symbol.dispose]();
    const { mount } = slot;
    slot.mount = undefined;
    if (mount) {
      this.#parts.locks.detach(mount.tree.root.dirId);
      await mount.close();
    }
  }

  /** Nobody names it any more: it goes when nothing in it waits for the grid. One that is not open may hold anything. */
  async #lookWhetherToGo(slot: Slot): Promise<void> {
    const { mount } = slot;
    if (mount === undefined) {
      return; // it is tried again
    }
    if (!(await this.#isOnGrid(slot, mount))) {
      this.#hurry(slot);
      this.#lookLater(slot);
      return;
    }
    await this.#close(slot);
    // A request that had begun before may have changed something until now.
    if (!(await this.#isOnGrid(slot, mount))) {
      await this.#tryToOpen(slot);
      return;
    }
    this.#slots.delete(slot.rootId);
    this.#left(slot.rootId);
  }

  /** Until all of it is on the grid, or somebody names it again. */
  #hurry(slot: Slot): void {
    const { mount } = slot;
    if (mount === undefined || slot.isHurried) {
      return;
    }
    slot.isHurried = true;
    const send = async (): Promise<void> => {
      for await (const { isDone } of mount.sync.flush([])) {
        if (isDone || slot.isWanted || slot.mount !== mount) {
          break;
        }
      }
    };
    send()
      .catch((error: unknown) =>
        this.#parts.log.debug({ err: error, root: slot.rootId }, 'a flush broke off'),
      )
      .finally(() => {
        slot.isHurried = false;
      });
  }

  /** Whether it may go without a loss. Not where it can't be told. */
  async #isOnGrid(slot: Slot, { sync }: Mount): Promise<boolean> {
    const { log } = this.#parts;
    const root = slot.rootId;
    const stays =
      'nobody is to see this directory any more, and changes in it are not on the grid yet: it stays until they are';
    try {
      const { edits, parked, isSynced } = await sync.status();
      const isOnGrid = isSynced && edits === 0;
      if (!isOnGrid && !slot.isTold) {
        slot.isTold = true;
        log.info({ root, edits, parked }, stays);
      }
      return isOnGrid;
    } catch (error) {
      log.warn(
        { err: error, root },
        'whether all of this directory is on the grid can not be told: it stays',
      );
      return false;
    }
  }

  #lookLater(slot: Slot): void {
    this.#later(slot, LEAVING_EVERY_MS, async () => {
      if (!slot.isWanted) {
        await this.#lookWhetherToGo(slot);
      }
    });
  }

  #later(slot: Slot, delayMs: number, work: () => Promise<void>): void {
    if (this.#isClosed) {
      return;
    }
    slot.timer?.[Symbol.dispose]();
    slot.timer = this.#parts.clock.after(delayMs, () => {
      void this.#guarded(slot, () => this.#inTurn(work));
    });
  }

  /** What goes wrong with one mount is no trouble for the others. */
  async #guarded(slot: Slot, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#parts.log.error({ err: error, root: slot.rootId }, 'a mount could not be looked after');
    }
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    using _turn = await this.#turn.take();
    if (!this.#isClosed) {
      await work();
    }
  }
}

/** Of each directory the strongest cap, by its id. */
function strongest(caps: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const cap of caps) {
    const rootId = rootIdOfCap(cap);
    const known = found.get(rootId);
    if (known === undefined || (isWriteCap(cap) && !isWriteCap(known))) {
      found.set(rootId, cap);
    }
  }
  return found;
}
