// Grid that gives a download's place and connection back while its reader stalls: a paused film must not keep others
// from the node, whose connections are few. The download goes on from the byte reached when the reader does.
import { Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { ByteRange } from '../base/ranges.ts';
import { parseCap } from './caps.ts';
import type { Grid } from './grid.ts';
import { PassingGrid } from './passing-grid.ts';

/** A reader that took nothing for so long is asked no more; to start again costs the node one segment, 40 ms. */
const STALLED_MS = 5_000;

export class ParkingGrid extends PassingGrid {
  readonly #clock: Clock;

  constructor(inner: Grid, clock: Clock) {
    super(inner);
    this.#clock = clock;
  }

  override async read(cap: string, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
    const first = await this.inner.read(cap, range, signal);
    // Of a mutable file the rest may be another version's by then.
    if (parseCap(cap).kind === 'mutable') {
      return first;
    }
    const again = (from: ByteRange): Promise<Readable> => this.inner.read(cap, from, signal);
    return new ParkedStream(first, range, again, this.#clock);
  }
}

class ParkedStream extends Readable {
  readonly #again: (range: ByteRange) => Promise<Readable>;
  readonly #clock: Clock;
  readonly #end: number;
  #next: number;
  #source: Readable | undefined;
  #isOpening = false;
  #timer: Disposable | undefined;

  constructor(
    first: Readable,
    range: ByteRange,
    again: (range: ByteRange) => Promise<Readable>,
    clock: Clock,
  ) {
    super();
    this.#again = again;
    this.#clock = clock;
    this.#next = range.start;
    this.#end = range.end;
    this.#attach(first);
    this.#park();
  }

  override _read(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#source) {
      this.#source.resume();
    } else if (!this.#isOpening) {
      void this.#reopen();
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#timer?.[Symbol.dispose]();
    this.#detach()?.destroy();
    callback(error);
  }

  async #reopen(): Promise<void> {
    this.#isOpening = true;
    try {
      const source = await this.#again({ start: this.#next, end: this.#end });
      if (this.destroyed) {
        source.on('error', () => undefined).destroy();
        return;
      }
      this.#attach(source);
      source.resume();
    } catch (error) {
      this.destroy(error instanceof Error ? error : new FsError('unavailable', 'the download broke off'));
    } finally {
      this.#isOpening = false;
    }
  }

  #attach(source: Readable): void {
    this.#source = source;
    source.on('data', (bytes: Buffer) => {
      this.#next += bytes.length;
      if (!this.push(bytes)) {
        source.pause();
        this.#park();
      }
    });
    source.once('end', () => this.push(null));
    source.once('error', (error) => this.destroy(error));
    source.pause();
  }

  #detach(): Readable | undefined {
    const source = this.#source;
    this.#source = undefined;
    source?.removeAllListeners('data').removeAllListeners('end').removeAllListeners('error');
    return source?.on('error', () => undefined);
  }

  #park(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#clock.after(STALLED_MS, () => {
      if (this.#next < this.#end) {
        this.#detach()?.destroy();
      }
    });
  }
}
