// How far to read ahead of a reader who goes through a file (pure). Clients that read a file by many small ranges, one
// behind the other, get what comes next before they ask; the window grows while they go on, and a jump ends it.
import { BLOCK_BYTES } from '../base/blocks.ts';
import type { ByteRange } from '../base/ranges.ts';

/** What a node fetches and decodes at once, whatever part of it was asked for: 1 MiB (tahoe-lafs since 1.18). */
export const SEGMENT_BYTES: number = 1024 * 1024;

const MAX_WINDOW_BYTES: number = 16 * SEGMENT_BYTES;
/** A range that begins so little behind the end of the last still goes on with it. */
const SKIP_BYTES: number = 3 * BLOCK_BYTES;
/** Readers of one file that are told apart. */
const MAX_RUNS = 8;

interface Run {
  readonly endsAt: number;
  readonly windowBytes: number;
}

export class ReadAhead {
  /** The last used first. */
  readonly #runs: Run[] = [];

  /** A reader wants `range` now: how many bytes behind its end to have ready. 0 = it has jumped here. */
  wanted({ start, end }: ByteRange): number {
    const at = this.#runs.findIndex(
      ({ endsAt }) => start >= endsAt - BLOCK_BYTES && start <= endsAt + SKIP_BYTES,
    );
    const last = this.#runs[at];
    const windowBytes =
      last === undefined ? 0 : Math.min(Math.max(2 * last.windowBytes, SEGMENT_BYTES), MAX_WINDOW_BYTES);
    if (last !== undefined) {
      this.#runs.splice(at, 1);
    }
    this.#runs.unshift({ endsAt: end, windowBytes });
    this.#runs.length = Math.min(this.#runs.length, MAX_RUNS);
    return windowBytes;
  }
}
