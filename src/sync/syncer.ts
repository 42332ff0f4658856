// Makes the set of pending edits empty: uploads bytes, lands directories bottom-up, writes each directory's edits in one
// round, and does it again until there are none. It goes over what waits whenever something has changed or become due.
import type { Clock } from '../base/clock.ts';
import { FsError, hasCode, isRetryable } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { placeKey } from '../edits/edit.ts';
import type { Landed } from '../edits/landed.ts';
import { capOf, type PendingEdit, type PendingUpdate } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { SealedRecords } from '../edits/sealed-records.ts';
import type { Stands } from '../edits/stands.ts';
import type { DirInode } from '../inode/dir-inode.ts';
import type { DirTable } from '../inode/dir-table.ts';
import { markOf } from '../inode/edge.ts';
import { wantedDirectory } from '../inode/wanted.ts';
import { isLocalText, type LocalFileCap, localDirText } from '../tahoe/caps.ts';
import type { Grid } from '../tahoe/grid.ts';
import { asConflictCopy, conflictName, withoutParking } from './conflicts.ts';
import { type DirOutcome, isSameContent, placeOf, type ReadyEdit, writeEdits } from './dir-sync.ts';
import { GridState } from './grid-state.ts';
import { landDirectory } from './landing.ts';
import { localFileOf } from './local-file.ts';
import { Pace } from './pace.ts';
import { mustWait, onGrid } from './ready.ts';
import { StandingFinder } from './standing.ts';
import { Tracks, type TrackTimes } from './tracks.ts';
import { hasUnseen } from './unseen.ts';
import { type UploadAsk, type UploadSource, Uploads } from './uploads.ts';

export { localFileOf };

export interface SyncerOptions {
  readonly grid: Grid;
  readonly pending: PendingEdits;
  readonly landed: Landed;
  readonly stands: Stands;
  readonly records: SealedRecords;
  readonly source: UploadSource;
  readonly dirs: DirTable;
  readonly root: DirInode;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly newId: () => string;
  readonly times: TrackTimes;
  readonly transfers: number;
  readonly uploadBytesPerSecond: number | undefined;
  /** How old a listing may be that proves that a directory stands. */
  readonly proofMaxAgeMs: number;
  /** This machine, in the names of conflict copies. */
  readonly gateway: string;
}

/** Directories made here that come to rest together. */
interface Group {
  dueAtMs: number;
  isOverdue: boolean;
}

/** Directories that are written at once. */
const MAX_DIRECTORIES = 4;
/** So many edits of one directory go in one round; more follow in the next. */
const MAX_ROUND = 400;
/** Ready edits wait so long at most for uploads of the same directory: one write of it for all of them. */
const GATHER_MS = 5_000;
/** Between two passes at least, and so many times the time that the last one took: they are no burden. */
const PASS_EVERY_MS = 20;
const PASS_SHARE = 10;

export class Syncer {
  readonly tracks: Tracks;
  readonly uploads: Uploads;
  readonly state: GridState;
  readonly finder: StandingFinder;
  readonly #o: SyncerOptions;
  readonly #working = new Map<string, Promise<void>>();
  readonly #readySinceMs = new Map<string, number>();
  readonly #idle = new Set<() => void>();
  /** By place: the version whose upload has begun. */
  readonly #frozen = new Map<string, PendingEdit>();
  #timer: Disposable | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #passEndedMs = Number.NEGATIVE_INFINITY;
  #passTookMs = 0;
  #conflicts = 0;
  #isRunning = false;

  constructor(options: SyncerOptions) {
    this.#o = options;
    const { pending, landed, stands, dirs, root, clock, log } = options;
    this.tracks = new Tracks(options);
    this.state = new GridState(log, () => {
      this.tracks.retryAll();
      this.wake();
    });
    this.uploads = new Uploads({
      ...options,
      pace: new Pace(options.uploadBytesPerSecond, clock),
      onChange: () => this.wake(),
    });
    this.finder = new StandingFinder({ pending, stands, dirs, root, maxAgeMs: options.proofMaxAgeMs });
    this.#landed = landed;
    pending.onSettled((before, now) => {
      if (before && !now) {
        this.#frozen.delete(placeKey(before)); // or its bytes would be kept for ever
      }
      this.wake();
    });
  }

  readonly #landed: Landed;

  /** Conflict copies made so far. */
  get conflicts(): number {
    return this.#conflicts;
  }

  /** The directory is being written just now. */
  isWriting(dirId: string): boolean {
    return this.#working.has(dirId);
  }

  start(): void {
    this.#isRunning = true;
    this.wake();
  }

  /** Waits for what is being written; what waits stays. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#timer?.[Symbol.dispose]();
    await this.uploads.stop();
    await Promise.all(this.#working.values());
  }

  /** Goes over what waits soon. */
  wake(): void {
    const soonestMs = this.#passEndedMs + Math.max(PASS_EVERY_MS, this.#passTookMs * PASS_SHARE);
    this.#wakeAt(Math.max(soonestMs, this.#o.clock.monotonicMs()));
  }

  /** Resolves after the next pass that something came of, or nothing is left to do. */
  async changed(signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#idle.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#idle.add(done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  #wakeAt(atMs: number): void {
    if (!this.#isRunning || this.#timerAtMs <= atMs) {
      return;
    }
    this.#timer?.[Symbol.dispose]();
    this.#timerAtMs = atMs;
    this.#timer = this.#o.clock.after(Math.max(0, atMs - this.#o.clock.monotonicMs()), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.#pass();
    });
  }

  #pass(): void {
    const { clock, pending, log } = this.#o;
    const beganMs = clock.monotonicMs();
    try {
      this.#upload();
      const groups = this.#localGroups();
      for (const dirId of new Set([...pending.dirIds(), ...groups.keys()])) {
        if (this.#working.size >= MAX_DIRECTORIES) {
          break;
        }
        if (!this.#working.has(dirId)) {
          this.#consider(dirId, groups);
        }
      }
    } catch (error) {
      log.error({ err: error }, 'going over what waits failed');
    }
    this.#passEndedMs = clock.monotonicMs();
    this.#passTookMs = this.#passEndedMs - beganMs;
    for (const waiting of [...this.#idle]) {
      waiting();
    }
    this.#planNext();
  }

  #planNext(): void {
    const nextMs = this.tracks.nextAtMs();
    const nowMs = this.#o.clock.monotonicMs();
    if (nextMs === undefined) {
      return;
    }
    // What is due already waits for an end of something, which wakes us; and for its turn, in the longest case.
    this.#wakeAt(nextMs > nowMs ? nextMs : nowMs + 1_000);
  }

  /** Files that are due, and whose bytes the grid has not. */
  #upload(): void {
    const asks = new Map<string, UploadAsk>();
    const kept = new Set<string>();
    for (const edit of this.#o.pending.all()) {
      const cap = localFileOf(edit);
      if (cap === undefined || this.#landed.capsOf(cap.text)) {
        continue;
      }
      this.#keepFrozen(edit, cap, kept);
      const failure = this.uploads.takeFailure(cap);
      if (failure !== undefined) {
        this.#failed(edit, failure);
      }
      kept.add(cap.id);
      if (this.tracks.isDue(edit)) {
        const sha256 = edit.want && markOf(edit.want.metadata)?.h;
        asks.set(cap.id, { cap, sha256 });
        this.#frozen.set(placeKey(edit), this.#frozen.get(placeKey(edit)) ?? edit);
      }
    }
    this.uploads.want([...asks.values()], kept);
  }

  /** A file that is always being written is brought there in the version whose upload has begun. */
  #keepFrozen(edit: PendingEdit, cap: LocalFileCap, kept: Set<string>): void {
    const frozen = this.#frozen.get(placeKey(edit));
    const its = frozen && localFileOf(frozen);
    if (its === undefined || its.id === cap.id) {
      return;
    }
    if (
      this.tracks.isOverdue(edit) &&
      (this.uploads.sentBytes(its) !== undefined || this.#landed.capsOf(its.text))
    ) {
      kept.add(its.id);
    } else {
      this.#frozen.delete(placeKey(edit));
    }
  }

  /** What is being uploaded, or waits for its link, though a client wants something newer by now. */
  isFrozen(cap: LocalFileCap): boolean {
    return [...this.#frozen.values()].some((edit) => localFileOf(edit)?.id === cap.id);
  }

  /**
   * The directories that were made here. A tree of them is one group, which comes to rest as one: while a tree is being
   * copied here, no directory of it is written twice.
   */
  #localGroups(): ReadonlyMap<string, Group> {
    const { pending, dirs } = this.#o;
    const byTop = new Map<string, Group>();
    const groups = new Map<string, Group>();
    const join = (dirId: string, edit: PendingEdit): void => {
      const top = this.#topLocal(dirId);
      if (top !== undefined) {
        const group = byTop.get(top) ?? { dueAtMs: Number.NEGATIVE_INFINITY, isOverdue: false };
        byTop.set(top, group);
        groups.set(dirId, group);
        group.dueAtMs = Math.max(group.dueAtMs, this.tracks.dueAtMs(edit));
        group.isOverdue ||= this.tracks.isOverdue(edit);
      }
    };
    for (const edit of pending.all()) {
      join(edit.dirId, edit);
      const dirId = edit.want && isLocalText(edit.want.writeCap) ? dirs.idOfChild(edit.want) : undefined;
      if (dirId !== undefined) {
        join(dirId, edit);
      }
    }
    return groups;
  }

  /** The uppermost of the directories above that are not on the grid; undefined where `dirId` itself is there. */
  #topLocal(dirId: string): string | undefined {
    let top: string | undefined;
    for (let at: string | undefined = dirId; at !== undefined; at = this.#o.stands.get(at)?.parentId) {
      if (!this.finder.dirOf(at)?.isLocal || at === top) {
        return top;
      }
      top = at;
    }
    return top;
  }

  #consider(dirId: string, groups: ReadonlyMap<string, Group>): void {
    const dir = this.finder.dirOf(dirId);
    if (dir === undefined) {
      return; // made just now, and linked in a moment
    }
    const edits = [...this.#o.pending.of(dirId).values()];
    if (!dir.isLocal) {
      const ready = this.#readyOf(edits.filter((edit) => this.tracks.isDue(edit)));
      if (ready.length > 0 && this.#isGathered(dirId, edits, ready)) {
        this.#work(dirId, ready, () => this.#writeDirectory(dir, ready.slice(0, MAX_ROUND)));
      }
      return;
    }
    this.#considerLocal(dir, edits, groups.get(dirId));
  }

  #considerLocal(dir: DirInode, edits: readonly PendingEdit[], group: Group | undefined): void {
    const localCap = dir.dirWriteCap;
    const linking = [...this.#o.pending.wanting(localCap)];
    const isResting = group === undefined || group.dueAtMs <= this.#o.clock.monotonicMs();
    if (
      linking.length === 0 ||
      !(isResting || group?.isOverdue) ||
      !linking.some((edit) => this.tracks.isDue(edit))
    ) {
      return;
    }
    const ready = this.#readyOf(edits);
    const isWhole = ready.length === edits.filter((edit) => !this.#isStuck(edit)).length;
    if (isWhole || linking.some((edit) => this.tracks.isOverdue(edit))) {
      this.#work(
        dir.dirId,
        linking.map((edit) => ({ edit, child: undefined })),
        async () => {
          await landDirectory(this.#o, dir, localCap, ready);
          this.state.answered();
        },
      );
    }
  }

  /** Empty directories have no edits of their own: they are found by who wants them. */
  #readyOf(edits: readonly PendingEdit[]): ReadyEdit[] {
    return edits.flatMap((edit): readonly ReadyEdit[] => {
      if (edit.parked || mustWait(edit, this.#o.pending)) {
        return [];
      }
      if (edit.want === undefined) {
        return [{ edit, child: undefined }];
      }
      for (const version of [edit, this.#frozen.get(placeKey(edit))]) {
        const child = version?.want && onGrid(this.#landed, version.want);
        if (version && child) {
          return [{ edit: { ...edit, gen: version.gen }, child }];
        }
      }
      return [];
    });
  }

  /** It failed more than once, or waits for somebody: others don't wait for it. */
  #isStuck(edit: PendingEdit): boolean {
    return edit.parked !== undefined || this.tracks.of(edit).tries > 1;
  }

  /** Whether to write what is ready, or to wait for what will be in a moment. */
  #isGathered(dirId: string, edits: readonly PendingEdit[], ready: readonly ReadyEdit[]): boolean {
    const nowMs = this.#o.clock.monotonicMs();
    const sinceMs = this.#readySinceMs.get(dirId) ?? nowMs;
    this.#readySinceMs.set(dirId, sinceMs);
    const readyNames = new Set(ready.map(({ edit }) => edit.name));
    const isMoreComing = edits.some(
      (edit) => !readyNames.has(edit.name) && !this.#isStuck(edit) && this.tracks.isDue(edit),
    );
    return !isMoreComing || ready.length >= MAX_ROUND || nowMs - sinceMs >= GATHER_MS;
  }

  #work(dirId: string, ready: readonly ReadyEdit[], work: () => Promise<void>): void {
    this.#readySinceMs.delete(dirId);
    const working = work()
      .catch((error: unknown) => {
        for (const { edit } of ready) {
          this.#failed(edit, error);
        }
      })
      .finally(() => {
        this.#working.delete(dirId);
        this.wake();
      });
    this.#working.set(dirId, working);
  }

  async #writeDirectory(dir: DirInode, ready: readonly ReadyEdit[]): Promise<void> {
    const standing = await this.finder.find(dir);
    this.state.answered();
    if (standing.kind === 'unlinked') {
      throw new FsError('not-found', 'the directory stands nowhere');
    }
    if (standing.kind === 'vanished') {
      await this.#rescue(dir, standing.below, standing.name);
      return;
    }
    const { safe, unseen } = await this.#sortOut(ready);
    const outcome = await writeEdits(this.#o, dir, safe);
    this.#settle(dir, outcome);
    await this.#overtaken(dir, [...unseen.map(({ edit }) => edit), ...outcome.overtaken]);
  }

  /** Directories are not deleted with things in them that nobody here was ever shown. */
  async #sortOut(ready: readonly ReadyEdit[]): Promise<{ safe: ReadyEdit[]; unseen: ReadyEdit[] }> {
    const safe: ReadyEdit[] = [];
    const unseen: ReadyEdit[] = [];
    for (const one of ready) {
      const { base, want } = one.edit;
      const takesAway =
        !one.edit.isMoved &&
        base?.kind === 'directory' &&
        (want === undefined || capOf(want) !== capOf(base));
      (takesAway && (await hasUnseen(this.#o.dirs, base)) ? unseen : safe).push(one);
    }
    return { safe, unseen };
  }

  #settle(dir: DirInode, { done, failed }: DirOutcome): void {
    for (const edit of done) {
      this.tracks.written(edit);
      this.#frozen.delete(placeKey(edit));
    }
    if (done.length > 0) {
      this.state.answered();
      this.#o.log.debug({ dir: dir.dirId, edits: done.length }, 'on the grid');
    }
    for (const { edit, error } of failed) {
      this.#failed(edit, error);
    }
  }

  /** The grid's children keep their names. */
  async #overtaken(dir: DirInode, overtaken: readonly PendingEdit[]): Promise<void> {
    const { pending, clock, gateway, log } = this.#o;
    const updates: PendingUpdate[] = [];
    const taken = new Set<string>();
    for (const edit of overtaken) {
      const now = pending.get(edit);
      if (now === undefined) {
        continue;
      }
      const isTaken = (name: string): boolean =>
        taken.has(name) || dir.childrenInMemory()?.has(name) === true;
      const name = conflictName(edit.name, gateway, clock, isTaken);
      taken.add(name);
      const isCopied = now.want !== undefined && !isSameContent(now);
      updates.push(
        ...(isCopied ? asConflictCopy(now, name, pending) : [{ place: placeOf(now), edit: undefined }]),
      );
      this.#conflicts += 1;
      log.warn(
        { dir: dir.dirId, name: edit.name, copy: isCopied ? name : undefined },
        'somebody else has changed the same name: theirs stays, ours is kept beside it',
      );
    }
    if (updates.length > 0) {
      await pending.commit(updates);
    }
  }

  /** The directory is gone from the grid, by somebody else: what was to be added to it goes into a new one beside. */
  async #rescue(dir: DirInode, below: DirInode, name: string): Promise<void> {
    const { pending, stands, clock, gateway, newId, log } = this.#o;
    const edits = [...pending.of(dir.dirId).values()];
    const added = edits.filter((edit) => edit.want !== undefined);
    const updates: PendingUpdate[] = edits.map((edit) => ({ place: placeOf(edit), edit: undefined }));
    const rescued = localDirText(newId());
    const rescuedId = this.#o.dirs.get(rescued).dirId;
    const isTaken = (taken: string): boolean => below.childrenInMemory()?.has(taken) === true;
    const copyName = conflictName(name, gateway, clock, isTaken);
    for (const edit of added) {
      const moved = {
        ...withoutParking(edit),
        dirId: rescuedId,
        base: undefined,
        tried: [],
        gen: pending.nextGen(),
      };
      updates.push({ place: { dirId: rescuedId, name: edit.name }, edit: moved });
    }
    if (added.length > 0) {
      updates.push(this.#newDirectory(below, copyName, rescued, added));
    }
    const steps = stands.walked([
      { dirId: rescuedId, writeCap: rescued, parentId: below.dirId, name: copyName },
    ]);
    await pending.commit(updates, added.length > 0 ? steps.records : []);
    steps.stored();
    this.#conflicts += 1;
    log.warn(
      { dir: dir.dirId, name, copy: copyName, edits: added.length },
      'a directory with changes that wait was removed by somebody else: they go into a new one beside it',
    );
  }

  #newDirectory(below: DirInode, name: string, cap: string, added: readonly PendingEdit[]): PendingUpdate {
    const { pending, clock } = this.#o;
    const nowMs = clock.now();
    const want = wantedDirectory(cap, cap, nowMs);
    const sinceMs = Math.min(...added.map((edit) => edit.sinceMs));
    const place = { dirId: below.dirId, name };
    const gen = pending.nextGen();
    return {
      place,
      edit: { ...place, want, base: undefined, tried: [], gen, sinceMs, changedMs: nowMs },
    };
  }

  /** Tried again later where that may help; else parked until somebody decides. */
  #failed(edit: PendingEdit, error: unknown): void {
    const { pending, log } = this.#o;
    this.state.failed(error);
    const now = pending.get(edit);
    if (now === undefined || now.gen !== edit.gen) {
      return;
    }
    this.tracks.failed(now, error);
    if (isRetryable(error) || hasCode(error, 'aborted', 'no-space', 'exists')) {
      log.debug({ err: error, name: edit.name }, 'a change could not be brought to the grid yet');
      return;
    }
    const message = error instanceof Error ? error.message : 'it failed';
    const code = hasCode(error, 'read-only', 'bad-cap', 'too-large', 'bad-request', 'denied', 'corrupt')
      ? error.code
      : undefined;
    log.error(
      { err: error, place: placeKey(edit), isParked: code !== undefined },
      'a change can not be brought to the grid',
    );
    if (code !== undefined) {
      pending
        .commit([{ place: placeOf(now), edit: { ...now, parked: { code, message } } }])
        .catch((storeError: unknown) => log.error({ err: storeError }, 'a change could not be parked'));
    }
  }
}
