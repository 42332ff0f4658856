// What `--write-mode back` answers an operator.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import { isWithin, type TreePath } from '../base/path.ts';
import type { EditPlace } from '../edits/edit.ts';
import type { Landed } from '../edits/landed.ts';
import type { PendingEdit } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { SealedRecord } from '../edits/sealed-records.ts';
import { withoutParking } from './conflicts.ts';
import { placeOf } from './dir-sync.ts';
import { GridQuestion } from './grid-question.ts';
import { localFileOf } from './local-file.ts';
import type { Recovery } from './recover.ts';
import type {
  FlushReport,
  RecoverReport,
  SyncControl,
  SyncItem,
  SyncState,
  SyncStatus,
  TrashEntry,
} from './sync-control.ts';
import type { Syncer } from './syncer.ts';
import type { Trash } from './trash.ts';

export interface BackControlParts {
  readonly syncer: Syncer;
  readonly pending: PendingEdits;
  readonly landed: Landed;
  readonly trash: Pick<Trash, 'list' | 'sealed' | 'restore' | 'purge' | 'discard'>;
  readonly recovery: Pick<Recovery, 'run'>;
  readonly clock: Clock;
  readonly maxDirtyBytes: number | undefined;
  /** Where only litter stays here, and all else is on the grid when it is answered; rejects where the grid does not answer. */
  readonly askGrid?: ((signal: AbortSignal) => Promise<unknown>) | undefined;
  /** Why writes are refused just now. */
  readonly writeRefusal: () => string | undefined;
}

interface PlacedEdit {
  readonly edit: PendingEdit;
  readonly path: TreePath;
}

/** In which order they are told. */
const STATES: readonly SyncState[] = ['parked', 'retrying', 'linking', 'uploading', 'waiting'];
/** While nothing changes a report comes all the same. */
const REPORT_EVERY_MS = 1_000;

export class BackControl implements SyncControl {
  readonly #parts: BackControlParts;
  readonly #question: GridQuestion | undefined;

  constructor(parts: BackControlParts) {
    this.#parts = parts;
    this.#question = parts.askGrid && new GridQuestion(parts.askGrid, parts.clock);
  }

  async status(): Promise<SyncStatus> {
    const { syncer, pending, clock, maxDirtyBytes, writeRefusal } = this.#parts;
    const bodies = new Map<string, number>();
    let parked = 0;
    let oldestMs: number | undefined;
    for (const edit of pending.waiting()) {
      parked += Number(edit.parked !== undefined);
      oldestMs = Math.min(oldestMs ?? edit.sinceMs, edit.sinceMs);
      const cap = this.#bodyOf(edit);
      if (cap) {
        bodies.set(cap.id, cap.sizeBytes);
      }
    }
    const refusal = writeRefusal();
    const gridError = this.#question ? await this.#question.error() : syncer.state.error;
    return {
      writeMode: this.#question ? 'through' : 'back',
      isGridUp: this.#question ? gridError === undefined : syncer.state.isUp,
      gridError,
      edits: pending.waitingCount,
      parked,
      dirtyBytes: [...bodies.values()].reduce((sum, bytes) => sum + bytes, 0),
      maxDirtyBytes,
      oldestAgeMs: oldestMs === undefined ? undefined : Math.max(0, clock.now() - oldestMs),
      uploading: syncer.uploads.running,
      conflicts: syncer.conflicts,
      writeRefusal: refusal,
      isSynced: pending.waitingCount === 0 && refusal === undefined,
      isSafeToStop: true,
    };
  }

  /** Of what stands at a name; undefined where the grid has it, `local` where it never will. */
  stateAt(place: EditPlace): SyncState | 'local' | undefined {
    const edit = this.#parts.pending.get(place);
    return edit && (edit.staysHere === undefined ? this.#stateOf(edit) : 'local');
  }

  async *items(path: TreePath): AsyncIterable<SyncItem> {
    const items = this.#editsBelow([path]).map(({ edit, path: at }) => this.#item(edit, at));
    const rank = (item: SyncItem): number => STATES.indexOf(item.state);
    yield* items.sort((a, b) => rank(a) - rank(b));
  }

  async *flush(paths: readonly TreePath[], signal?: AbortSignal): AsyncIterable<FlushReport> {
    const { syncer, clock } = this.#parts;
    const beganMs = clock.now();
    // Also those that were changed again, or became conflict copies, since it began.
    const old = (): PendingEdit[] =>
      this.#editsFor(paths)
        .map(({ edit }) => edit)
        .filter((edit) => edit.sinceMs <= beganMs);
    const asked = old();
    syncer.tracks.force(this.#withAncestors(asked));
    syncer.wake();
    const total = this.#amount(asked);
    for (;;) {
      if (signal?.aborted) {
        throw new FsError('aborted', 'the waiting was called off', { cause: signal.reason });
      }
      const left = old();
      if (syncer.tracks.forceNew(left)) {
        syncer.wake();
      }
      const waiting = left.filter((edit) => edit.parked === undefined);
      const missing = this.#amount(left);
      yield {
        totalEdits: total.edits,
        doneEdits: Math.max(0, total.edits - missing.edits),
        totalBytes: total.bytes,
        doneBytes: Math.max(0, total.bytes - missing.bytes),
        parked: left.flatMap((edit) =>
          edit.parked ? [{ path: this.#pathOf(edit), reason: edit.parked.message }] : [],
        ),
        error: waiting.map((edit) => syncer.tracks.of(edit).error).find((error) => error !== undefined),
        isDone: waiting.length === 0,
      };
      if (waiting.length === 0) {
        return;
      }
      await this.#nextChange(signal);
    }
  }

  async retry(paths: readonly TreePath[]): Promise<number> {
    const { pending, syncer } = this.#parts;
    const edits = this.#editsBelow(paths).map(({ edit }) => edit);
    const parked = edits.filter((edit) => edit.parked !== undefined);
    if (parked.length > 0) {
      await pending.commit(parked.map((edit) => ({ place: placeOf(edit), edit: withoutParking(edit) })));
    }
    const tried = edits.filter((edit) => edit.parked !== undefined || syncer.tracks.of(edit).tries > 0);
    syncer.tracks.force(tried.flatMap((edit) => pending.get(edit) ?? []));
    syncer.wake();
    return tried.length;
  }

  async discard(paths: readonly TreePath[], keepsCopy: boolean): Promise<number> {
    if (paths.length === 0) {
      throw new FsError('bad-request', 'what is to be given up must be named');
    }
    const edits = this.#editsBelow(paths).map(({ edit }) => edit);
    await this.#parts.trash.discard(edits, keepsCopy);
    return edits.length;
  }

  recover(signal?: AbortSignal): AsyncIterable<RecoverReport> {
    return this.#parts.recovery.run(signal);
  }

  trash(): AsyncIterable<TrashEntry> {
    return this.#parts.trash.list();
  }

  sealedTrash(): AsyncIterable<SealedRecord> {
    return this.#parts.trash.sealed();
  }

  restore(id: string): Promise<TreePath> {
    return this.#parts.trash.restore(id);
  }

  purge(olderThanMs: number): Promise<number> {
    return this.#parts.trash.purge(olderThanMs);
  }

  async #nextChange(signal: AbortSignal | undefined): Promise<void> {
    const over = new AbortController();
    using _timer = this.#parts.clock.after(REPORT_EVERY_MS, () => over.abort());
    await this.#parts.syncer.changed(signal ? AbortSignal.any([signal, over.signal]) : over.signal);
  }

  #amount(edits: Iterable<PendingEdit>): { edits: number; bytes: number } {
    const bodies = new Map<string, number>();
    let count = 0;
    for (const edit of edits) {
      count += 1;
      const cap = this.#bodyOf(edit);
      if (cap) {
        bodies.set(cap.id, cap.sizeBytes - (this.#parts.syncer.uploads.sentBytes(cap) ?? 0));
      }
    }
    return { edits: count, bytes: [...bodies.values()].reduce((sum, bytes) => sum + bytes, 0) };
  }

  /** A name is linked when the directories above it are. */
  #withAncestors(edits: readonly PendingEdit[]): ReadonlySet<PendingEdit> {
    const { syncer, pending } = this.#parts;
    const all = new Set(edits);
    for (const edit of edits) {
      for (const above of syncer.finder.above(edit.dirId)) {
        const linking = pending.get(above);
        if (linking) {
          all.add(linking);
        }
      }
    }
    return all;
  }

  #editsBelow(paths: readonly TreePath[]): PlacedEdit[] {
    return this.#editsWhere((path) => paths.length === 0 || paths.some((asked) => isWithin(path, asked)));
  }

  /**
   * Also those that link the directories above: a new directory takes its children to the grid, and none of them can be
   * found there before it is linked itself.
   */
  #editsFor(paths: readonly TreePath[]): PlacedEdit[] {
    const isOnWay = (path: TreePath, edit: PendingEdit): boolean =>
      edit.want?.kind === 'directory' && paths.some((asked) => isWithin(asked, path));
    return this.#editsWhere(
      (path, edit) =>
        paths.length === 0 || paths.some((asked) => isWithin(path, asked)) || isOnWay(path, edit),
    );
  }

  #editsWhere(isAsked: (path: TreePath, edit: PendingEdit) => boolean): PlacedEdit[] {
    const found: PlacedEdit[] = [];
    for (const edit of this.#parts.pending.waiting()) {
      const path = this.#pathOf(edit);
      if (isAsked(path, edit)) {
        found.push({ edit, path });
      }
    }
    return found;
  }

  #pathOf(edit: PendingEdit): TreePath {
    return [...(this.#parts.syncer.finder.pathOf(edit.dirId) ?? ['?']), edit.name];
  }

  #bodyOf(edit: PendingEdit) {
    const cap = localFileOf(edit);
    return cap && this.#parts.landed.capsOf(cap.text) === undefined ? cap : undefined;
  }

  #item(edit: PendingEdit, path: TreePath): SyncItem {
    const { syncer, clock } = this.#parts;
    const { tries, error, nextTryAtMs } = syncer.tracks.of(edit);
    const body = this.#bodyOf(edit);
    const sentBytes = body && syncer.uploads.sentBytes(body);
    const waitMs = nextTryAtMs - clock.monotonicMs();
    const state = this.#stateOf(edit);
    return {
      path,
      wants: edit.want?.kind ?? 'nothing',
      state,
      sizeBytes: body?.sizeBytes,
      sentBytes,
      tries,
      error: edit.parked?.message ?? error,
      sinceMs: edit.sinceMs,
      nextTryAtMs: tries > 0 && waitMs > 0 ? clock.now() + waitMs : undefined,
    };
  }

  #stateOf(edit: PendingEdit): SyncState {
    const { syncer, clock } = this.#parts;
    if (edit.parked) {
      return 'parked';
    }
    const body = this.#bodyOf(edit);
    if (body && syncer.uploads.sentBytes(body) !== undefined) {
      return 'uploading';
    }
    const { tries, nextTryAtMs } = syncer.tracks.of(edit);
    if (tries > 0 && nextTryAtMs > clock.monotonicMs()) {
      return 'retrying';
    }
    return syncer.isWriting(edit.dirId) ? 'linking' : 'waiting';
  }
}
