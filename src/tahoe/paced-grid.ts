// Grid whose contents of files come and go no faster than they may: so many bytes a second each way, over all calls
// together; and, where nobody waits for uploads, these make way while something is being read.
import { Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { Pace } from '../base/pace.ts';
import type { ByteRange } from '../base/ranges.ts';
import type { Grid, UploadBody } from './grid.ts';
import { PassingGrid } from './passing-grid.ts';

export interface PacedGridOptions {
  /** Undefined = no limit, like the next. */
  readonly uploadBytesPerSecond: number | undefined;
  readonly downloadBytesPerSecond: number | undefined;
  /** No client waits for an upload: one that has begun sends less while clients read. */
  readonly doUploadsYield: boolean;
  readonly clock: Clock;
}

/** Waits until so many bytes may pass. */
type Pass = (bytes: number, signal: AbortSignal) => Promise<void>;

/** What passes at once. */
const SLICE_BYTES = 16 * 1024;
/**
 * What an upload sends before it looks again whether somebody reads, and how long it waits then. Beside four uploads a
 * download of 48 MiB took 0.64 s so, 1.06 s without (0.72 s alone; medians of six).
 */
const YIELD_BYTES = 128 * 1024;
const YIELD_MS = 50;

export class PacedGrid extends PassingGrid {
  readonly #options: PacedGridOptions;
  readonly #up: Pace | undefined;
  readonly #down: Pace | undefined;
  /** Downloads that have not ended. */
  #reads = 0;

  constructor(inner: Grid, options: PacedGridOptions) {
    super(inner);
    const { uploadBytesPerSecond, downloadBytesPerSecond, clock } = options;
    this.#options = options;
    this.#up = uploadBytesPerSecond === undefined ? undefined : new Pace(uploadBytesPerSecond, clock);
    this.#down = downloadBytesPerSecond === undefined ? undefined : new Pace(downloadBytesPerSecond, clock);
  }

  override async read(cap: string, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
    const source = await this.inner.read(cap, range, signal);
    const down = this.#down;
    const stream = down ? new PacedStream(source, (bytes, over) => down.pass(bytes, over)) : source;
    if (!stream.closed) {
      this.#reads += 1;
      stream.once('close', () => {
        this.#reads -= 1;
      });
    }
    return stream;
  }

  override async upload(body: UploadBody, signal?: AbortSignal): Promise<string> {
    return await this.inner.upload(await this.#pacedBody(body, this.#options.doUploadsYield, signal), signal);
  }

  override async overwrite(writeCap: string, body: UploadBody, signal?: AbortSignal): Promise<void> {
    // Its client waits in any case: mutable files are written through.
    await this.inner.overwrite(writeCap, await this.#pacedBody(body, false, signal), signal);
  }

  /** Bytes that are here already are sent in one piece, when their time has come. */
  async #pacedBody(
    body: UploadBody,
    doesYield: boolean,
    signal: AbortSignal | undefined,
  ): Promise<UploadBody> {
    if ('bytes' in body) {
      await this.#up?.pass(body.bytes.length, signal);
      return body;
    }
    if (!this.#up && !doesYield) {
      return body;
    }
    let untilLook = YIELD_BYTES;
    const stream = new PacedStream(body.stream, async (bytes, over) => {
      await this.#up?.pass(bytes, over);
      untilLook -= bytes;
      if (untilLook <= 0) {
        untilLook = YIELD_BYTES;
        if (doesYield && this.#reads > 0) {
          await this.#options.clock.sleep(YIELD_MS, over);
        }
      }
    });
    return { stream, sizeBytes: body.sizeBytes };
  }
}

/** The same bytes, each slice when it may pass. Its end is the source's end, whichever comes first. */
class PacedStream extends Readable {
  readonly #source: Readable;
  readonly #slices: AsyncGenerator<Buffer>;
  readonly #over = new AbortController();

  constructor(source: Readable, pass: Pass) {
    super();
    this.#source = source;
    this.#slices = slices(source, pass, this.#over.signal);
  }

  override _read(): void {
    this.#slices.next().then(
      ({ value, done }) => this.push(done ? null : value),
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error('the source broke')),
    );
  }

  // Not Readable.from, whose end waits for what runs: a slice may wait for seconds.
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#over.abort();
    this.#source.on('error', () => undefined).destroy(); // nobody is left to hear of it
    done(error);
  }
}

async function* slices(source: Readable, pass: Pass, over: AbortSignal): AsyncGenerator<Buffer> {
  for await (const bytes of source as AsyncIterable<Buffer>) {
    for (let start = 0; start < bytes.length; start += SLICE_BYTES) {
      const slice = bytes.subarray(start, start + SLICE_BYTES);
      await pass(slice.length, over);
      yield slice;
    }
  }
}
