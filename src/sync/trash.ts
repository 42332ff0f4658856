// What overwrites, deletes and discards took away, for a while: on the grid it is remembered by its caps; what was never
// there lies here, and goes first when room is needed.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { TreePath } from '../base/path.ts';
import { sealedBytesOf } from '../dirty/dirty-room.ts';
import type { DirtyStore } from '../dirty/dirty-store.ts';
import { fingerprint, placeKey } from '../edits/edit.ts';
import type { Landed } from '../edits/landed.ts';
import { capOf, type PendingEdit } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { SealedRecord, SealedRecords } from '../edits/sealed-records.ts';
import type { GridTree } from '../inode/grid-tree.ts';
import type { RecordChange } from '../meta/meta-store.ts';
import { isLocalText, type LocalFileCap, parseCap } from '../tahoe/caps.ts';
import type { Child, Grid } from '../tahoe/grid.ts';
import { besideName, timeInName } from './beside-name.ts';
import { type Fold, type FoldListener, placeOf } from './dir-sync.ts';
import { localCapOf } from './local-file.ts';
import { type LocalEntry, LocalTrash } from './local-trash.ts';
import { landedChild } from './ready.ts';
import type { TrashEntry } from './sync-control.ts';
import { type TrashRecord, TrashRecords, trashRecord } from './trash-records.ts';
import { victimsOf } from './victims.ts';

export interface TrashParts {
  readonly pending: PendingEdits;
  readonly landed: Landed;
  readonly records: SealedRecords;
  readonly bodies: Pick<DirtyStore, 'has' | 'remove'>;
  readonly grid: Pick<Grid, 'check'>;
  readonly tree: Pick<GridTree, 'relink'>;
  /** Where a directory stands, or stood last. */
  readonly pathOf: (dirId: string) => TreePath | undefined;
  /** It is being sent to the grid, or is about to be linked there. */
  readonly isBusy: (cap: LocalFileCap) => boolean;
  /** 0 = nothing is kept. */
  readonly keepMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Who writes a file again and again gets the last versions back, not all of them. */
const LOCAL_VERSIONS = 3;
const EXPIRE_EVERY_MS = 60 * 60_000;

export class Trash implements FoldListener {
  readonly #parts: TrashParts;
  readonly #store: TrashRecords;
  readonly #local = new LocalTrash();
  readonly #listeners = new Set<(cap: LocalFileCap) => void>();
  /** Edits that leave because the grid has them, or that were dealt with by who drops them. */
  readonly #accounted = new WeakSet<PendingEdit>();
  /** By place: versions on the grid that nobody had linked yet, as far as we knew. */
  readonly #unlinked = new Map<string, TrashRecord>();
  #changes: RecordChange[] = [];
  #writing: Promise<void> | undefined;
  #timer: Disposable | undefined;
  #isStopped = false;

  constructor(parts: TrashParts) {
    this.#parts = parts;
    this.#store = new TrashRecords(parts.records);
    parts.pending.onSettled((before, now) => this.#settled(before, now));
  }

  /** Takes over what an earlier run kept. Before BodyKeeper.start, which would take its files for left over. */
  async start(): Promise<void> {
    const gone: RecordChange[] = [];
    for await (const record of this.#store.all()) {
      const cap = localCapOf(record.child);
      if (cap === undefined || this.#parts.bodies.has(cap.id)) {
        this.#local.add(record);
      } else {
        gone.push(this.#store.drop(record.id));
      }
    }
    await this.#store.commit(gone);
    await this.purge(this.#parts.keepMs);
    this.#expireLater();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.[Symbol.dispose]();
    await this.#writing;
  }

  /** The bytes of this file can still be brought back. */
  holds(bodyId: string): boolean {
    return this.#local.has(bodyId);
  }

  /** Told when the trash needs a file no more. */
  onReleased(listener: (cap: LocalFileCap) => void): void {
    this.#listeners.add(listener);
  }

  /** What the grid has given up for these changes. What another node had put there in that moment nobody ever saw. */
  folding(folds: readonly Fold[]): readonly RecordChange[] {
    const records: RecordChange[] = [];
    for (const fold of folds) {
      this.#accounted.add(fold.now);
      records.push(...this.#nowOnGrid(fold));
      for (const victim of victimsOf(fold)) {
        const isWanted = this.#parts.pending.wanting(capOf(victim) ?? '').size > 0;
        if (this.#parts.keepMs > 0 && !isWanted) {
          const cause = fold.child === undefined ? 'deleted' : 'replaced';
          records.push(this.#store.put(this.#recordOf(fold.now, victim, cause)));
        }
      }
    }
    return records;
  }

  /** Gives up edits; with a copy of what they wanted in the trash, or without. */
  async discard(edits: readonly PendingEdit[], keepsCopy: boolean): Promise<void> {
    const { pending } = this.#parts;
    const given = new Set(edits);
    const caps = new Set<string>();
    const kept: TrashRecord[] = [];
    for (const edit of edits) {
      const cap = edit.want && capOf(edit.want);
      const isWanted = [...pending.wanting(cap ?? '')].some((other) => !given.has(other));
      if (keepsCopy && cap !== undefined && !isWanted && !caps.has(cap)) {
        caps.add(cap);
        kept.push(...this.#lost(edit, 'discarded'));
      }
      this.#accounted.add(edit);
    }
    for (const record of kept) {
      this.#local.add(record);
    }
    await pending.commit(
      edits.map((edit) => ({ place: placeOf(edit), edit: undefined })),
      kept.map((record) => this.#store.put(record)),
    );
  }

  async *list(): AsyncGenerator<TrashEntry> {
    for await (const { child: _child, place: _place, ...entry } of this.#store.all()) {
      yield entry;
    }
  }

  /** For a recovery kit. */
  sealed(): AsyncGenerator<SealedRecord> {
    return this.#store.sealed();
  }

  /**
   * Links an entry again, at its path or beside what stands there; returns where. `not-found` for an unknown id,
   * `unavailable` where the grid has lost it.
   */
  async restore(id: string): Promise<TreePath> {
    const { tree, clock, bodies } = this.#parts;
    const record = await this.#store.get(id);
    const cap = record && localCapOf(record.child);
    if (record === undefined || (cap !== undefined && !bodies.has(cap.id))) {
      throw new FsError('not-found', 'nothing of that id is in the trash');
    }
    if (cap === undefined) {
      await this.#requireOnGrid(record.child);
    }
    const suffix = ` (restored ${timeInName(clock.now())}`;
    const path = await tree.relink(record.path, record.child, (name, nth) =>
      besideName(name, nth === 1 ? `${suffix})` : `${suffix} ${nth})`),
    );
    await this.#forget([record]);
    return path;
  }

  /** Forgets entries older than `olderThanMs` (0 = all); how many. */
  async purge(olderThanMs: number): Promise<number> {
    const old: TrashRecord[] = [];
    for await (const record of this.#store.all()) {
      if (record.removedAtMs <= this.#parts.clock.now() - olderThanMs) {
        old.push(record);
      }
    }
    await this.#forget(old);
    return old.length;
  }

  /** Removes files that were never on the grid, the longest deleted first, for so many bytes; false where there is none. */
  async giveUpLocal(bytes: number): Promise<boolean> {
    const { pending, bodies, isBusy, log } = this.#parts;
    const given: LocalEntry[] = [];
    let freedBytes = 0;
    for (const entry of this.#local.oldestFirst()) {
      if (freedBytes >= bytes) {
        break;
      }
      if (pending.wanting(entry.cap.text).size === 0 && !isBusy(entry.cap)) {
        given.push(entry);
        freedBytes += sealedBytesOf(entry.cap.sizeBytes);
      }
    }
    if (given.length === 0) {
      return false;
    }
    log.info({ files: given.length, bytes: freedBytes }, 'the trash gives up files for new ones');
    for (const entry of given) {
      this.#local.remove(entry);
    }
    await this.#store.commit(given.map(({ id }) => this.#store.drop(id)));
    await bodies.remove(given.map(({ cap }) => cap.id));
    this.#release(given);
    return true;
  }

  #settled(before: PendingEdit | undefined, now: PendingEdit | undefined): void {
    if (before === undefined || before.staysHere !== undefined || this.#accounted.has(before)) {
      return;
    }
    const cap = before.want && capOf(before.want);
    if (cap === undefined || this.#parts.pending.wanting(cap).size > 0) {
      return;
    }
    for (const record of this.#lost(before, now?.want === undefined ? 'deleted' : 'replaced')) {
      this.#local.add(record);
      if (!record.isLocalOnly && now !== undefined) {
        this.#unlinked.set(placeKey(record.place), record);
      }
      this.#write([this.#store.put(record), ...this.#tooMany(placeKey(record.place))]);
    }
  }

  /** What an edit wanted and nobody has any more. */
  #lost(edit: PendingEdit, cause: TrashEntry['cause']): readonly TrashRecord[] {
    const { landed, keepMs, bodies } = this.#parts;
    const { want, base } = edit;
    if (want === undefined || keepMs === 0) {
      return [];
    }
    const child = landedChild(landed, want);
    const cap = localCapOf(child);
    const isHere = cap !== undefined && cap.sizeBytes > 0 && bodies.has(cap.id);
    // What is in a new directory has edits of its own; and what the grid still has at the name is not lost.
    const isThere = !isLocalText(child.readCap) && fingerprint(child) !== fingerprint(base);
    return isHere || isThere ? [this.#recordOf(edit, child, cause)] : [];
  }

  /** A version that was given up while it was being sent or linked is at its name on the grid now. */
  #nowOnGrid({ now, child }: Fold): readonly RecordChange[] {
    const key = placeKey(now);
    const isSame = (readCap: string | undefined): boolean => child !== undefined && child.readCap === readCap;
    const same = this.#local
      .of(key)
      .filter(({ cap }) => isSame(this.#parts.landed.capsOf(cap.text)?.readCap));
    for (const entry of same) {
      this.#local.remove(entry);
    }
    this.#release(same);
    const unlinked = this.#unlinked.get(key);
    this.#unlinked.delete(key);
    const ids = [...same, ...(unlinked && isSame(unlinked.child.readCap) ? [unlinked] : [])].map(
      ({ id }) => id,
    );
    return ids.map((id) => this.#store.drop(id));
  }

  #tooMany(key: string): readonly RecordChange[] {
    const old = this.#local.of(key).slice(0, -LOCAL_VERSIONS);
    for (const entry of old) {
      this.#local.remove(entry);
    }
    this.#release(old);
    return old.map(({ id }) => this.#store.drop(id));
  }

  #recordOf(edit: PendingEdit, child: Child, cause: TrashEntry['cause']): TrashRecord {
    const { pathOf, clock } = this.#parts;
    const path = [...(pathOf(edit.dirId) ?? []), edit.name];
    return trashRecord(child, { path, place: placeOf(edit), cause, removedAtMs: clock.now() });
  }

  /** A lost record is worse for nobody but who looks for it: clients have been answered. */
  #write(changes: readonly RecordChange[]): void {
    this.#changes.push(...changes);
    this.#writing ??= this.#writeAll()
      .catch((error: unknown) => this.#parts.log.warn({ err: error }, 'what was deleted could not be noted'))
      .finally(() => {
        this.#writing = undefined;
      });
  }

  async #writeAll(): Promise<void> {
    while (this.#changes.length > 0) {
      await Promise.resolve(); // what goes at once is written at once
      await this.#store.commit(this.#changes.splice(0));
    }
  }

  async #forget(records: readonly TrashRecord[]): Promise<void> {
    await this.#writing;
    await this.#store.commit(records.map(({ id }) => this.#store.drop(id)));
    const local = records.flatMap((record) => this.#local.ofRecord(record) ?? []);
    for (const entry of local) {
      this.#local.remove(entry);
    }
    this.#release(local);
  }

  #release(entries: readonly LocalEntry[]): void {
    for (const { cap } of entries) {
      for (const listener of this.#listeners) {
        listener(cap);
      }
    }
  }

  /** Shares of what was unlinked are collected some day; a link to nothing would look like a file. */
  async #requireOnGrid({ readCap = '' }: Child): Promise<void> {
    if (parseCap(readCap).kind === 'unknown') {
      return; // it can't be asked for: it is linked as it was
    }
    const { isRecoverable } = await this.#parts.grid.check(readCap);
    if (!isRecoverable) {
      throw new FsError('unavailable', 'the grid has not enough of it any more, or not now', {
        hint: 'when all servers of the grid are there and it still fails, it is gone',
      });
    }
  }

  #expireLater(): void {
    if (this.#isStopped) {
      return;
    }
    this.#timer = this.#parts.clock.after(EXPIRE_EVERY_MS, () => {
      this.purge(this.#parts.keepMs)
        .catch((error: unknown) => this.#parts.log.warn({ err: error }, 'the trash could not be cleared'))
        .finally(() => this.#expireLater());
    });
  }
}
