// Brings the bytes of files to the grid, linked nowhere yet: so many at once, small ones first, none waits for ever.
// Bytes are read from where they were made safe, opened and compared with their hash on the way: what does not fit is
// never sent whole.
import { Readable } from 'node:stream';
import { blockCountOf } from '../base/blocks.ts';
import type { Clock } from '../base/clock.ts';
import { dropOldest } from '../base/drop-oldest.ts';
import { FsError, hasCode } from '../base/errors.ts';
import type { Landed } from '../edits/landed.ts';
import type { SealedRecords } from '../edits/sealed-records.ts';
import { startSha256 } from '../seal/hash.ts';
import type { LocalFileCap } from '../tahoe/caps.ts';
import type { Grid, UploadBody } from '../tahoe/grid.ts';

/** Where the bytes lie until then. */
export interface UploadSource {
  content(id: string, sizeBytes: number): { read(index: number): Promise<Buffer> };
  hold(id: string): Disposable;
}

export interface UploadsParts {
  readonly grid: Grid;
  readonly source: UploadSource;
  readonly landed: Landed;
  readonly records: SealedRecords;
  readonly clock: Clock;
  /** How many at once; of small files twice as many. */
  readonly transfers: number;
  /** Clients come first just now: one at a time is enough. */
  readonly isRush: () => boolean;
  /** The grid has taken one. */
  readonly onAnswered: () => void;
  /** Something has come to its end. */
  readonly onChange: () => void;
}

/** A file that is to be on the grid. */
export interface UploadAsk {
  readonly cap: LocalFileCap;
  /** Base64url; undefined where nobody knows it. */
  readonly sha256: string | undefined;
}

interface Running {
  readonly ask: UploadAsk;
  readonly abort: AbortController;
  sentBytes: number;
  readonly done: Promise<void>;
}

/** Of small files, which count half, one. */
const RUSH_TRANSFERS = 0.5;
/**
 * And after it so many times as long as it took, none, but no longer than this: the embedded store works in this process,
 * and without rests clients had a fifth less (PUTs of 4 KiB by eight clients: 756/s, with rests 930/s).
 */
const RUSH_REST = 4;
const RUSH_REST_MAX_MS = 2_000;
/** Who has waited so long comes before smaller ones. */
const PATIENCE_MS = 20_000;
/** Sent in one piece, so that the grid's client may send it again. */
const IN_MEMORY_BYTES = 128 * 1024;
/** Contents that were uploaded lately, by hash: the same bytes again need no upload. */
const MAX_KNOWN = 10_000;

export class Uploads {
  readonly #parts: UploadsParts;
  readonly #running = new Map<string, Running>();
  readonly #askedAtMs = new Map<string, number>();
  readonly #failures = new Map<string, unknown>();
  readonly #known = new Map<string, string>();
  /** What is asked for and does not run yet; the last one is the next. */
  #waiting: UploadAsk[] = [];
  /** Monotonic ms: while clients come first, none begins before. */
  #restsUntilMs = Number.NEGATIVE_INFINITY;
  #resting: Disposable | undefined;
  #isStopped = false;

  constructor(parts: UploadsParts) {
    this.#parts = parts;
  }

  get running(): number {
    return this.#running.size;
  }

  /** How much of it was sent; undefined where it is not being sent. */
  sentBytes(cap: LocalFileCap): number | undefined {
    return this.#running.get(cap.id)?.sentBytes;
  }

  /** Why the last try failed, once: who asks deals with it. */
  takeFailure(cap: LocalFileCap): unknown {
    const failure = this.#failures.get(cap.id);
    this.#failures.delete(cap.id);
    return failure;
  }

  /** All that is wanted now. What runs and is not among `asks` nor `kept` is given up. */
  want(asks: readonly UploadAsk[], kept: ReadonlySet<string>): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const wanted = new Set(asks.map(({ cap }) => cap.id));
    for (const [id, running] of this.#running) {
      if (!wanted.has(id) && !kept.has(id)) {
        running.abort.abort(new FsError('aborted', 'nobody wants the file any more'));
      }
    }
    for (const id of this.#askedAtMs.keys()) {
      if (!wanted.has(id)) {
        this.#askedAtMs.delete(id);
      }
    }
    for (const { cap } of asks) {
      if (!this.#askedAtMs.has(cap.id)) {
        this.#askedAtMs.set(cap.id, nowMs);
      }
    }
    const waiting = asks.filter(({ cap }) => !this.#running.has(cap.id) && !this.#failures.has(cap.id));
    this.#waiting = this.#inOrder(waiting, nowMs);
    this.#startMore();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#resting?.[Symbol.dispose]();
    for (const { abort } of this.#running.values()) {
      abort.abort(new FsError('aborted', 'the server stops'));
    }
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  /** The last one is the next. */
  #inOrder(waiting: readonly UploadAsk[], nowMs: number): UploadAsk[] {
    const rank = ({ cap }: UploadAsk): number => {
      const askedAtMs = this.#askedAtMs.get(cap.id) ?? nowMs;
      return nowMs - askedAtMs > PATIENCE_MS ? askedAtMs - nowMs : cap.sizeBytes;
    };
    return waiting
      .map((ask) => ({ ask, rank: rank(ask) }))
      .sort((a, b) => b.rank - a.rank)
      .map(({ ask }) => ask);
  }

  #startMore(): void {
    const isRush = this.#parts.isRush();
    if (isRush && this.#rests()) {
      return;
    }
    while (!this.#isStopped && this.#taken() < (isRush ? RUSH_TRANSFERS : this.#parts.transfers)) {
      const next = this.#waiting.pop();
      if (next === undefined) {
        return;
      }
      this.#start(next);
    }
  }

  /** True while none is to begin; looks again when that is over. */
  #rests(): boolean {
    const leftMs = this.#restsUntilMs - this.#parts.clock.monotonicMs();
    this.#resting?.[Symbol.dispose]();
    if (leftMs > 0 && !this.#isStopped) {
      this.#resting = this.#parts.clock.after(leftMs, () => this.#startMore());
    }
    return leftMs > 0;
  }

  /** Small files count half: a node takes 59 of 4 KiB a second one by one, 70 by four and 77 by eight. */
  #taken(): number {
    let taken = 0;
    for (const { ask } of this.#running.values()) {
      taken += ask.cap.sizeBytes <= IN_MEMORY_BYTES ? 0.5 : 1;
    }
    return taken;
  }

  #start(ask: UploadAsk): void {
    const abort = new AbortController();
    const running: Running = {
      ask,
      abort,
      sentBytes: 0,
      done: Promise.resolve().then(() => this.#run(ask, running, abort.signal)),
    };
    this.#running.set(ask.cap.id, running);
  }

  async #run(ask: UploadAsk, running: Running, signal: AbortSignal): Promise<void> {
    const { cap } = ask;
    const beganMs = this.#parts.clock.monotonicMs();
    try {
      using _hold = this.#parts.source.hold(cap.id);
      const readCap = (await this.#onGridAlready(ask, signal)) ?? (await this.#upload(ask, running, signal));
      const { landed, records, clock } = this.#parts;
      const caps = { writeCap: undefined, readCap, atMs: clock.now() };
      await records.commit([landed.record(cap.text, caps)]);
      landed.note(cap.text, caps);
      this.#remember(ask, readCap);
      this.#parts.onAnswered();
    } catch (error) {
      if (!hasCode(error, 'aborted') || !signal.aborted) {
        this.#failures.set(cap.id, error);
      }
    } finally {
      this.#running.delete(cap.id);
      const endedMs = this.#parts.clock.monotonicMs();
      this.#restsUntilMs = endedMs + Math.min((endedMs - beganMs) * RUSH_REST, RUSH_REST_MAX_MS);
      this.#startMore();
      this.#parts.onChange();
    }
  }

  /** The same bytes went there lately, and are there still: shares of what was unlinked are collected some day. */
  async #onGridAlready({ sha256 }: UploadAsk, signal: AbortSignal): Promise<string | undefined> {
    const known = sha256 === undefined ? undefined : this.#known.get(sha256);
    if (known === undefined || known.startsWith('URI:LIT:')) {
      return known;
    }
    const { isHealthy, isRecoverable } = await this.#parts.grid.check(known, signal);
    return isHealthy && isRecoverable ? known : undefined;
  }

  async #upload(ask: UploadAsk, running: Running, signal: AbortSignal): Promise<string> {
    const { grid } = this.#parts;
    const { sizeBytes } = ask.cap;
    const pieces = this.#pieces(ask, running);
    let body: UploadBody;
    if (sizeBytes <= IN_MEMORY_BYTES) {
      const all: Buffer[] = [];
      for await (const piece of pieces) {
        all.push(piece);
      }
      body = { bytes: Buffer.concat(all) };
    } else {
      body = { stream: Readable.from(pieces, { objectMode: false }), sizeBytes };
    }
    return await grid.upload(body, signal);
  }

  /** Block by block; fails before the last one where the whole is not what was taken in. */
  async *#pieces({ cap, sha256 }: UploadAsk, running: Running): AsyncGenerator<Buffer> {
    const content = this.#parts.source.content(cap.id, cap.sizeBytes);
    const hash = startSha256();
    const count = blockCountOf(cap.sizeBytes);
    running.sentBytes = 0;
    for (let index = 0; index < count; index += 1) {
      const block = await content.read(index);
      hash.update(block);
      if (index === count - 1 && sha256 !== undefined && hash.digest('base64url') !== sha256) {
        throw new FsError('corrupt', 'the bytes on this disk are not those that were taken in', {
          hint: 'look at the disk; the copy here is kept as it is',
        });
      }
      running.sentBytes += block.length;
      yield block;
    }
  }

  #remember({ sha256 }: UploadAsk, readCap: string): void {
    if (sha256 === undefined) {
      return;
    }
    this.#known.delete(sha256);
    this.#known.set(sha256, readCap);
    dropOldest(this.#known, MAX_KNOWN);
  }
}
