// Decides which directories are written now, and writes them: some at once, each by one round at a time.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type Landed, wantingThing } from '../edits/landed.ts';
import { directoriesTakenBy, type PendingEdit } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { DirInode } from '../inode/dir-inode.ts';
import type { DirTable } from '../inode/dir-table.ts';
import type { Grid } from '../tahoe/grid.ts';
import { type FoldListener, type ReadyEdit, writeEdits } from './dir-sync.ts';
import type { Frozen } from './frozen.ts';
import type { GridState } from './grid-state.ts';
import type { KeepOurs } from './keep-ours.ts';
import { landDirectory } from './landing.ts';
import type { LocalGroup } from './local-groups.ts';
import { isOnGrid, mustWait, onGrid } from './ready.ts';
import type { StandingFinder } from './standing.ts';
import type { Tracks } from './tracks.ts';
import { hasUnseen } from './unseen.ts';

export interface DirRoundsParts {
  readonly grid: Grid;
  readonly pending: PendingEdits;
  readonly landed: Landed;
  readonly dirs: DirTable;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tracks: Tracks;
  readonly frozen: Frozen;
  readonly finder: StandingFinder;
  readonly state: GridState;
  readonly keepOurs: KeepOurs;
  readonly folds?: FoldListener | undefined;
  readonly failed: (edit: PendingEdit, error: unknown) => void;
  /** A round has ended. */
  readonly onChange: () => void;
}

/** Directories that are written at once. */
const MAX_DIRECTORIES = 4;
/** So many edits of one directory go in one round; more follow in the next. */
const MAX_ROUND = 400;
/** Ready edits wait so long at most for uploads of the same directory: one write of it for all of them. */
const GATHER_MS = 5_000;
/** However young a listing is, it may be older than a write just made. */
const NEWEST = Number.NEGATIVE_INFINITY;

/** An edit, and which version of what it wants may be written: its own, or an older one that is under way. */
interface Version {
  readonly edit: PendingEdit;
  readonly version: PendingEdit;
}

export class DirRounds {
  readonly #parts: DirRoundsParts;
  readonly #running = new Map<string, Promise<void>>();
  readonly #readySinceMs = new Map<string, number>();

  constructor(parts: DirRoundsParts) {
    this.#parts = parts;
  }

  isRunning(dirId: string): boolean {
    return this.#running.has(dirId);
  }

  /** Begins what may begin. */
  begin(groups: ReadonlyMap<string, LocalGroup>): void {
    for (const dirId of new Set([...this.#parts.pending.waitingDirIds(), ...groups.keys()])) {
      if (this.#running.size >= MAX_DIRECTORIES) {
        return;
      }
      const dir = this.isRunning(dirId) ? undefined : this.#parts.finder.dirOf(dirId);
      if (dir?.isLocal) {
        this.#considerLocal(dir, groups.get(dirId));
      } else if (dir) {
        this.#consider(dir);
      }
    }
  }

  /** Waits for what runs. */
  async settled(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  #consider(dir: DirInode): void {
    const { pending, tracks } = this.#parts;
    const edits = pending.waitingOf(dir.dirId);
    const ready = this.#readyOf(edits.filter((edit) => tracks.isDue(edit)));
    if (ready.length > 0 && this.#isGathered(dir.dirId, edits, ready)) {
      const round = ready.slice(0, MAX_ROUND);
      this.#run(
        dir.dirId,
        round.map(({ edit }) => edit),
        () => this.#writeDirectory(dir, this.#byGridCaps(round)),
      );
    }
  }

  #considerLocal(dir: DirInode, group: LocalGroup | undefined): void {
    const { pending, tracks, clock, state } = this.#parts;
    const linking = [...pending.wanting(dir.dirWriteCap)];
    const isResting = group === undefined || group.dueAtMs <= clock.monotonicMs() || group.isOverdue;
    if (!isResting || !linking.some((edit) => tracks.isDue(edit))) {
      return; // also one that is linked nowhere yet
    }
    const edits = pending.waitingOf(dir.dirId);
    const ready = this.#readyOf(edits);
    const isWhole = ready.length === edits.filter((edit) => !this.#isStuck(edit)).length;
    if (isWhole || linking.some((edit) => tracks.isOverdue(edit))) {
      this.#run(dir.dirId, linking, async () => {
        await landDirectory(this.#parts, dir, dir.dirWriteCap, this.#byGridCaps(ready));
        state.answered();
      });
    }
  }

  /** Asked in each pass of all that waits: the children are made only for a round. */
  #readyOf(edits: readonly PendingEdit[]): Version[] {
    const { pending, landed, frozen } = this.#parts;
    return edits.flatMap((edit): readonly Version[] => {
      if (edit.parked || mustWait(edit, pending)) {
        return [];
      }
      const isReady = ({ want }: PendingEdit): boolean => want === undefined || isOnGrid(landed, want);
      const version = isReady(edit) ? edit : frozen.versionFor(edit);
      return version && isReady(version) ? [{ edit, version }] : [];
    });
  }

  #byGridCaps(ready: readonly Version[]): ReadyEdit[] {
    return ready.map(({ edit, version: { gen, want } }) => ({
      edit: { ...edit, gen },
      child: want && onGrid(this.#parts.landed, want),
    }));
  }

  /** It failed more than once, or waits for somebody: others don't wait for it. */
  #isStuck(edit: PendingEdit): boolean {
    return edit.parked !== undefined || this.#parts.tracks.of(edit).tries > 1;
  }

  /** Whether to write what is ready, or to wait for what will be in a moment. */
  #isGathered(dirId: string, edits: readonly PendingEdit[], ready: readonly Version[]): boolean {
    const nowMs = this.#parts.clock.monotonicMs();
    const sinceMs = this.#readySinceMs.get(dirId) ?? nowMs;
    this.#readySinceMs.set(dirId, sinceMs);
    const names = new Set(ready.map(({ edit }) => edit.name));
    const isMoreComing = edits.some(
      (edit) => !names.has(edit.name) && !this.#isStuck(edit) && this.#parts.tracks.isDue(edit),
    );
    return !isMoreComing || ready.length >= MAX_ROUND || nowMs - sinceMs >= GATHER_MS;
  }

  #run(dirId: string, edits: readonly PendingEdit[], work: () => Promise<void>): void {
    this.#readySinceMs.delete(dirId);
    const running = work()
      .catch((error: unknown) => {
        for (const edit of edits) {
          this.#parts.failed(edit, error);
        }
      })
      .finally(() => {
        this.#running.delete(dirId);
        this.#parts.onChange();
      });
    this.#running.set(dirId, running);
  }

  async #writeDirectory(dir: DirInode, ready: readonly ReadyEdit[]): Promise<void> {
    const { finder, keepOurs, pending } = this.#parts;
    const standing = await finder.find(dir);
    if (standing.kind === 'unlinked') {
      throw new FsError('not-found', 'the directory stands nowhere');
    }
    if (standing.kind === 'vanished') {
      await keepOurs.rescue(dir, standing.below, standing.name);
      return;
    }
    // What takes directories away goes after all else, one by one: whether others have put anything into them is looked
    // at right before.
    const taking = new Map(
      ready
        .filter(({ edit }) => directoriesTakenBy(edit).length > 0)
        .map((one) => [one, pending.get(one.edit)] as const),
    );
    await this.#write(
      dir,
      ready.filter((one) => !taking.has(one)),
    );
    for (const [one, waits] of taking) {
      if (pending.get(one.edit) !== waits) {
        continue;
      }
      // Directories are not deleted with things in them that nobody here was ever shown.
      if (await this.#takesUnseen(one.edit)) {
        await keepOurs.beside(dir, [one.edit]);
      } else {
        await this.#write(dir, [one]);
      }
    }
  }

  async #write(dir: DirInode, ready: readonly ReadyEdit[]): Promise<void> {
    if (ready.length === 0) {
      return;
    }
    const { finder, keepOurs } = this.#parts;
    // Somebody may have unlinked it in between: the next round finds what it lost.
    const look = async (): Promise<boolean> => (await finder.find(dir, NEWEST)).kind !== 'vanished';
    const { done, overtaken, failed } = await writeEdits(this.#parts, dir, ready, look);
    this.#wasWritten(dir, done);
    for (const { edit, error } of failed) {
      this.#parts.failed(edit, error);
    }
    await keepOurs.beside(dir, overtaken);
  }

  async #takesUnseen(edit: PendingEdit): Promise<boolean> {
    const { pending, landed } = this.#parts;
    for (const taken of directoriesTakenBy(edit)) {
      const isWanted = wantingThing(pending, landed, taken).length > 0;
      if (!isWanted && (await hasUnseen(this.#parts, taken, edit.taken))) {
        return true;
      }
    }
    return false;
  }

  #wasWritten(dir: DirInode, done: readonly PendingEdit[]): void {
    const { tracks, frozen, state, log } = this.#parts;
    for (const edit of done) {
      tracks.written(edit);
      frozen.forget(edit);
    }
    if (done.length > 0) {
      state.answered();
      log.debug({ dir: dir.dirId, edits: done.length }, 'on the grid');
    }
  }
}
