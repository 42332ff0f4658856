// What the syncer knows of each pending edit beyond the edit itself: since when it rests, how often it failed, when it
// may be tried again. In memory alone, by the monotonic clock: a new process finds everything at rest since its start.
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { EditPlace } from '../edits/edit.ts';
import type { PendingEdit } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import { PlaceMap } from '../edits/place-map.ts';

export interface Track {
  /** Of the edit that this is about. */
  gen: number;
  /** Monotonic ms: of the last change by a client, and of the first one that the grid has not. */
  restSinceMs: number;
  sinceMs: number;
  tries: number;
  nextTryAtMs: number;
  error: string | undefined;
  /** Somebody waits for it: it does not rest first. */
  isForced: boolean;
}

export interface TrackTimes {
  /** So long a name rests before it is written. */
  readonly restMs: number;
  /** So long it may go on being changed before it is written all the same. */
  readonly deadlineMs: number;
}

export interface TracksParts {
  readonly pending: PendingEdits;
  readonly clock: Clock;
  readonly random: () => number;
  readonly times: TrackTimes;
}

const RETRY: BackoffPolicy = { baseMs: 1_000, capMs: 60_000 };

export class Tracks {
  readonly #parts: TracksParts;
  readonly #tracks = new PlaceMap<Track>();

  constructor(parts: TracksParts) {
    this.#parts = parts;
    parts.pending.onSettled((before, now) => {
      if (now) {
        this.of(now);
      } else if (before) {
        this.#tracks.delete(before);
      }
    });
  }

  of(edit: PendingEdit): Track {
    const nowMs = this.#parts.clock.monotonicMs();
    const known = this.#tracks.get(edit);
    if (known === undefined) {
      const track = { gen: edit.gen, restSinceMs: nowMs, sinceMs: nowMs, ...FRESH };
      this.#tracks.set(edit, track);
      return track;
    }
    if (known.gen !== edit.gen) {
      Object.assign(known, { gen: edit.gen, restSinceMs: nowMs, ...FRESH });
    }
    return known;
  }

  /** When it has rested long enough, or has waited too long for that; monotonic ms. */
  dueAtMs(edit: PendingEdit): number {
    return this.#restedAtMs(this.of(edit));
  }

  isOverdue(edit: PendingEdit): boolean {
    return this.#parts.clock.monotonicMs() >= this.of(edit).sinceMs + this.#parts.times.deadlineMs;
  }

  /** It may be worked on now; never one that stays here. */
  isDue(edit: PendingEdit): boolean {
    return (
      edit.staysHere === undefined &&
      edit.parked === undefined &&
      this.#nextAtMs(edit) <= this.#parts.clock.monotonicMs()
    );
  }

  failed(edit: PendingEdit, error: unknown): void {
    const track = this.of(edit);
    track.tries += 1;
    track.error = error instanceof Error ? error.message : 'it failed';
    const waitMs = backoffMs(RETRY, track.tries, this.#parts.random());
    track.nextTryAtMs = this.#parts.clock.monotonicMs() + waitMs;
  }

  /** The grid has written an earlier version of it: the next deadline counts from now. */
  written(place: EditPlace): void {
    const track = this.#tracks.get(place);
    if (track) {
      track.sinceMs = this.#parts.clock.monotonicMs();
    }
  }

  force(edits: Iterable<PendingEdit>): void {
    for (const edit of edits) {
      Object.assign(this.of(edit), { isForced: true, nextTryAtMs: Number.NEGATIVE_INFINITY });
    }
  }

  /** As `force`, but what failed meanwhile waits for its next try. False where all were forced before. */
  forceNew(edits: Iterable<PendingEdit>): boolean {
    let isNew = false;
    for (const edit of edits) {
      const track = this.of(edit);
      isNew ||= !track.isForced;
      track.isForced = true;
    }
    return isNew;
  }

  /** The grid is back: what failed while it was away is tried now. */
  retryAll(): void {
    for (const track of this.#tracks.values()) {
      track.nextTryAtMs = Number.NEGATIVE_INFINITY;
    }
  }

  /** The next time that one becomes due, monotonic ms; undefined where none waits for a time. */
  nextAtMs(): number | undefined {
    let next: number | undefined;
    for (const edit of this.#parts.pending.waiting()) {
      if (edit.parked === undefined) {
        const atMs = this.#nextAtMs(edit);
        next = next === undefined ? atMs : Math.min(next, atMs);
      }
    }
    return next;
  }

  #nextAtMs(edit: PendingEdit): number {
    const track = this.of(edit);
    return Math.max(this.#restedAtMs(track), track.nextTryAtMs);
  }

  #restedAtMs({ restSinceMs, sinceMs, isForced }: Track): number {
    const { restMs, deadlineMs } = this.#parts.times;
    return isForced ? Number.NEGATIVE_INFINITY : Math.min(restSinceMs + restMs, sinceMs + deadlineMs);
  }
}

const FRESH = {
  tries: 0,
  nextTryAtMs: Number.NEGATIVE_INFINITY,
  error: undefined,
  isForced: false,
} as const;
