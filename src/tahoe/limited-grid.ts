// Grid that lets so many calls at once through to the one inside, in lanes: whatever else runs, there is a place left
// for a call that takes milliseconds. A node's throughput peaks near 10 calls in flight and halves at 200.
//
// Each lane is a list of limiters, taken widest last; all lanes take them in the same order, so none waits in a circle.
import type { Readable } from 'node:stream';
import { Limiter, type Permit } from '../base/limiter.ts';
import type { ByteRange } from '../base/ranges.ts';
import type { CheckResult, ChildLink, Grid, GridSpace, Listing, UploadBody } from './grid.ts';
import { connectionsOf } from './pools.ts';

type Lane = readonly Limiter[];

async function take(lane: Lane, signal: AbortSignal | undefined): Promise<Permit> {
  const held: Permit[] = [];
  const release = (): void => {
    for (const permit of held) {
      permit[Symbol.dispose]();
    }
  };
  try {
    for (const limiter of lane) {
      held.push(await limiter.take(signal));
    }
  } catch (error) {
    release();
    throw error;
  }
  return { [Symbol.dispose]: release };
}

async function within<T>(lane: Lane, signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
  using _permit = await take(lane, signal);
  return await call();
}

export class LimitedGrid implements Grid {
  readonly #inner: Grid;
  /** File contents: the longest calls, so never all places. */
  readonly #downloads: Lane;
  /** Listings hold the node up: never the last place. */
  readonly #listings: Lane;
  readonly #questions: Lane;
  /** As slow as who sends them: three that stall must not keep others from writing. */
  readonly #uploads: Lane;
  /** Bodies that are here already; the node is all they wait for. */
  readonly #smallUploads: Lane;
  readonly #links: Lane;

  constructor(inner: Grid, maxConnections: number) {
    this.#inner = inner;
    const reads = connectionsOf(maxConnections, 'read');
    const writes = connectionsOf(maxConnections, 'write');
    const allReads = new Limiter(reads);
    const mostReads = new Limiter(Math.max(1, reads - 1));
    const allWrites = new Limiter(writes);
    const mostWrites = new Limiter(Math.max(1, writes - 1));
    this.#questions = [allReads];
    this.#listings = [mostReads, allReads];
    this.#downloads = [new Limiter(Math.max(1, reads - 2)), mostReads, allReads];
    this.#links = [allWrites];
    this.#smallUploads = [mostWrites, allWrites];
    this.#uploads = [new Limiter(Math.max(1, writes - 2)), mostWrites, allWrites];
  }

  /** The place is held until the stream is closed. */
  async read(cap: string, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
    const permit = await take(this.#downloads, signal);
    try {
      const stream = await this.#inner.read(cap, range, signal);
      if (stream.closed) {
        permit[Symbol.dispose]();
      } else {
        stream.once('close', () => permit[Symbol.dispose]());
      }
      return stream;
    } catch (error) {
      permit[Symbol.dispose]();
      throw error;
    }
  }

  mutableSize(cap: string, signal?: AbortSignal): Promise<number> {
    return within(this.#questions, signal, () => this.#inner.mutableSize(cap, signal));
  }

  async upload(body: UploadBody, signal?: AbortSignal): Promise<string> {
    return this.#withBody(body, signal, () => this.#inner.upload(body, signal));
  }

  async overwrite(writeCap: string, body: UploadBody, signal?: AbortSignal): Promise<void> {
    return this.#withBody(body, signal, () => this.#inner.overwrite(writeCap, body, signal));
  }

  list(dirCap: string, signal?: AbortSignal): Promise<Listing> {
    return within(this.#listings, signal, () => this.#inner.list(dirCap, signal));
  }

  check(cap: string, signal?: AbortSignal): Promise<CheckResult> {
    return within(this.#questions, signal, () => this.#inner.check(cap, signal));
  }

  makeDirectory(children: ReadonlyMap<string, ChildLink>, signal?: AbortSignal): Promise<string> {
    return within(this.#links, signal, () => this.#inner.makeDirectory(children, signal));
  }

  setChildren(
    dirWriteCap: string,
    children: ReadonlyMap<string, ChildLink>,
    mayReplace: boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    return within(this.#links, signal, () =>
      this.#inner.setChildren(dirWriteCap, children, mayReplace, signal),
    );
  }

  unlink(dirWriteCap: string, name: string, signal?: AbortSignal): Promise<boolean> {
    return within(this.#links, signal, () => this.#inner.unlink(dirWriteCap, name, signal));
  }

  space(signal?: AbortSignal): Promise<GridSpace> {
    return within(this.#questions, signal, () => this.#inner.space(signal));
  }

  /** A body that never got a place is destroyed all the same: it is ours. */
  async #withBody<T>(body: UploadBody, signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    try {
      return await within('bytes' in body ? this.#smallUploads : this.#uploads, signal, call);
    } finally {
      if ('stream' in body && !body.stream.destroyed) {
        body.stream.on('error', () => undefined).destroy();
      }
    }
  }
}
