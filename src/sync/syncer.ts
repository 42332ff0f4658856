// Makes the set of pending edits empty: uploads bytes, lands directories bottom-up, writes each directory's edits in one
// round, and does it again until there are none. It goes over what waits whenever something has changed or become due.
import type { Clock } from '../base/clock.ts';
import { hasCode, isRetryable } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { placeKey } from '../edits/edit.ts';
import type { Landed } from '../edits/landed.ts';
import type { PendingEdit } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { SealedRecords } from '../edits/sealed-records.ts';
import type { Stands } from '../edits/stands.ts';
import type { DirInode } from '../inode/dir-inode.ts';
import type { DirTable } from '../inode/dir-table.ts';
import { markOf } from '../inode/edge.ts';
import type { LocalFileCap } from '../tahoe/caps.ts';
import type { Grid } from '../tahoe/grid.ts';
import { DirRounds } from './dir-rounds.ts';
import { type FoldListener, placeOf } from './dir-sync.ts';
import { Frozen } from './frozen.ts';
import { GridState } from './grid-state.ts';
import { KeepOurs } from './keep-ours.ts';
import { LastShown } from './last-shown.ts';
import { localFileOf } from './local-file.ts';
import { localGroups } from './local-groups.ts';
import { Rush } from './rush.ts';
import { StandingFinder } from './standing.ts';
import { Tracks, type TrackTimes } from './tracks.ts';
import { type UploadAsk, type UploadSource, Uploads } from './uploads.ts';
import { Wakeups } from './wakeups.ts';

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
  /** How old a listing may be that proves that a directory stands. */
  readonly proofMaxAgeMs: number;
  /** This machine, in the names of conflict copies. */
  readonly gateway: string;
  readonly folds?: FoldListener | undefined;
}

/** A directory that stands nowhere may just be on its way to another place. */
const MAX_LOST_TRIES = 3;
/** What is due waits for the end of something, which wakes us; in the worst case for so long. */
const LOOK_AGAIN_MS = 1_000;

export class Syncer {
  readonly tracks: Tracks;
  readonly uploads: Uploads;
  readonly state: GridState;
  readonly finder: StandingFinder;
  readonly #o: SyncerOptions;
  readonly #frozen: Frozen;
  readonly #keepOurs: KeepOurs;
  readonly #rounds: DirRounds;
  readonly #lastShown: LastShown;
  readonly #wakeups: Wakeups;
  readonly #rush: Rush;
  readonly #waiting = new Set<() => void>();

  constructor(options: SyncerOptions) {
    this.#o = options;
    const { pending, landed, stands, dirs, root, clock, log } = options;
    const onChange = (): void => this.wake();
    this.#rush = new Rush(clock);
    this.#wakeups = new Wakeups(clock, () => this.#pass());
    this.tracks = new Tracks(options);
    this.state = new GridState(log, () => {
      this.tracks.retryAll();
      this.wake();
    });
    const onAnswered = (): void => this.state.answered();
    const isRush = (): boolean => this.#rush.isOn;
    this.uploads = new Uploads({ ...options, isRush, onAnswered, onChange });
    this.finder = new StandingFinder({ pending, stands, dirs, root, maxAgeMs: options.proofMaxAgeMs });
    this.#frozen = new Frozen({ tracks: this.tracks, uploads: this.uploads, landed });
    this.#keepOurs = new KeepOurs(options);
    this.#lastShown = new LastShown({
      pending,
      dirs,
      failed: (error) => log.error({ err: error }, 'what was shown of a deleted directory can not be read'),
    });
    this.#rounds = new DirRounds({
      ...options,
      tracks: this.tracks,
      frozen: this.#frozen,
      finder: this.finder,
      state: this.state,
      keepOurs: this.#keepOurs,
      failed: (edit, error) => this.#failed(edit, error),
      onChange,
    });
    pending.onSettled((was, is) => {
      const [before, now] = [was, is].map((edit) => (edit?.staysHere === undefined ? edit : undefined));
      if (!before && !now) {
        return;
      }
      if (now && now.gen !== before?.gen) {
        this.#rush.changed();
      }
      if (before && !now) {
        this.#frozen.forget(before); // or its bytes would be kept for ever
      }
      if (now && !now.parked) {
        this.#wakeups.at(this.tracks.dueAtMs(now));
      } else {
        this.wake(); // others may have waited for it
      }
    });
  }

  /** Conflicts met so far. */
  get conflicts(): number {
    return this.#keepOurs.count;
  }

  /** The directory is being written just now. */
  isWriting(dirId: string): boolean {
    return this.#rounds.isRunning(dirId);
  }

  /** It is being sent, or waits for its link, though a client wants something newer by now. */
  isUsing(cap: LocalFileCap): boolean {
    return this.#frozen.has(cap) || this.uploads.sentBytes(cap) !== undefined;
  }

  /** What an earlier process has shown to clients. To be awaited before `start`, and before the grid is read. */
  async prepare(): Promise<void> {
    await this.#lastShown.takeOver();
  }

  start(): void {
    this.#wakeups.start();
  }

  /** Waits for what is being written; what waits stays. */
  async stop(): Promise<void> {
    this.#wakeups.stop();
    await this.uploads.stop();
    await this.#rounds.settled();
  }

  /** Goes over what waits soon. */
  wake(): void {
    this.#wakeups.soon();
  }

  /** Resolves after the next pass, or when the signal fires. */
  async changed(signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  /** Gives when the next one is due, or is to be looked at again. */
  #pass(): number | undefined {
    try {
      this.#upload();
      this.#rounds.begin(localGroups({ ...this.#o, finder: this.finder, tracks: this.tracks }));
    } catch (error) {
      this.#o.log.error({ err: error }, 'going over what waits failed');
    }
    for (const done of [...this.#waiting]) {
      done();
    }
    const nextMs = this.tracks.nextAtMs();
    const nowMs = this.#o.clock.monotonicMs();
    return nextMs === undefined || nextMs > nowMs ? nextMs : nowMs + LOOK_AGAIN_MS;
  }

  /** Files that are due, and whose bytes the grid has not. */
  #upload(): void {
    const { pending, landed } = this.#o;
    const asks = new Map<string, UploadAsk>();
    const kept = new Set<string>();
    for (const edit of pending.waiting()) {
      const cap = localFileOf(edit);
      if (cap === undefined || landed.capsOf(cap.text)) {
        continue;
      }
      const frozen = this.#frozen.keptFor(edit);
      if (frozen) {
        kept.add(frozen.id);
      }
      const failure = this.uploads.takeFailure(cap);
      if (failure !== undefined) {
        this.#failed(edit, failure);
      }
      kept.add(cap.id);
      if (this.tracks.isDue(edit)) {
        asks.set(cap.id, { cap, sha256: edit.want && markOf(edit.want.metadata)?.h });
        this.#frozen.begin(edit);
      }
    }
    this.uploads.want([...asks.values()], kept);
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
    const isParked =
      hasCode(error, 'read-only', 'bad-cap', 'too-large', 'bad-request', 'denied', 'corrupt') ||
      (hasCode(error, 'not-found') && this.tracks.of(now).tries > MAX_LOST_TRIES);
    log.error({ err: error, place: placeKey(edit), isParked }, 'a change can not be brought to the grid');
    if (isParked) {
      const parked = { code: error.code, message: error.message };
      pending.commit([{ place: placeOf(now), edit: { ...now, parked } }]).catch((storeError: unknown) => {
        log.error({ err: storeError }, 'a change could not be parked');
      });
    }
  }
}
