// Grid over the web API of one node. Goes by cap alone, never by a path below one: the node makes missing parents on
// the way, and reads every directory again. What a cap says is never asked.
import { Readable } from 'node:stream';
import { backoffMs } from '../base/backoff.ts';
import { type Clock, yieldToLoop } from '../base/clock.ts';
import { FsError, internalError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { normalName } from '../base/path.ts';
import { type ByteRange, rangeLength } from '../base/ranges.ts';
import { randomFraction } from '../seal/random.ts';
import { errorFromConnection } from './answers.ts';
import { type Cap, isDirectoryCap, LIT_MAX_BYTES, litCapOf, parseCap } from './caps.ts';
import { childrenBody, DirnodeReader } from './dirnode.ts';
import { FileStream } from './file-stream.ts';
import type { CheckResult, ChildLink, Grid, GridSpace, Listing, UploadBody } from './grid.ts';
import { NodeClient } from './node-client.ts';
import { parseCheck, parseSize, parseSpace } from './node-json.ts';

export interface HttpGridOptions {
  readonly nodeUrl: string;
  readonly socketPath?: string;
  /** Half for reads, half for writes, at least one each. */
  readonly maxConnections: number;
  /** Time-out without progress; 0 for none. */
  readonly netTimeoutMs: number;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * A call that began before the node noticed a hung server waits 60 s for it; one that begins later is fast at once.
 * So whatever reads mutable things is given up after this and asked anew.
 */
const QUICK_MS = 8_000;

/** Downloads that break go on from where they were, so often without progress. */
const READ_TRIES = 3;
const READ_BACKOFF = { baseMs: 200, capMs: 5_000 };

/** The loop is let go after so much parsing of one listing. */
const PARSE_SLICE_MS = 5;
const PARSE_SLICE_BYTES = 65_536;

function capPath(cap: Cap): string {
  return `/uri/${encodeURIComponent(cap.text)}`;
}

/** The file cap, or `bad-cap`. */
function fileCap(text: string): Cap & { kind: 'chk' | 'lit' | 'mutable' } {
  const cap = parseCap(text);
  if (cap.kind === 'chk' || cap.kind === 'lit' || (cap.kind === 'mutable' && !cap.isDirectory)) {
    return cap;
  }
  throw new FsError('bad-cap', 'this is not the cap of a file');
}

/** The cap to write a mutable thing by, or `bad-cap`, or `read-only`. The node's own answers tell the two badly. */
function writableCap(text: string, isDirectory: boolean): Cap {
  const cap = parseCap(text);
  if (isDirectoryCap(cap) !== isDirectory || cap.kind === 'unknown' || cap.kind === 'verify') {
    throw new FsError(
      'bad-cap',
      isDirectory ? 'this is not the cap of a directory' : 'this is not the cap of a file',
    );
  }
  if (cap.kind !== 'mutable' || !cap.isWritable) {
    throw new FsError('read-only', 'this cap is for reading only');
  }
  return cap;
}

/** The size and whether it is known: a mutable file's is not in its cap. */
function knownSize(cap: Cap): number | undefined {
  return cap.kind === 'chk' || cap.kind === 'lit' ? cap.sizeBytes : undefined;
}

async function collectSmall(body: UploadBody): Promise<Buffer> {
  if ('bytes' in body) {
    return body.bytes;
  }
  const bytes = Buffer.concat((await body.stream.toArray()) as Buffer[]);
  if (bytes.length !== body.sizeBytes) {
    throw new FsError(
      'bad-request',
      `the body has ${bytes.length} bytes, not the ${body.sizeBytes} promised`,
    );
  }
  return bytes;
}

export class HttpGrid implements Grid {
  readonly #client: NodeClient;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #netTimeoutMs: number;
  readonly #quickMs: number;

  constructor(options: HttpGridOptions) {
    const netTimeoutMs = Number.isFinite(options.netTimeoutMs) ? options.netTimeoutMs : 0;
    this.#client = new NodeClient({ ...options, netTimeoutMs });
    this.#clock = options.clock;
    this.#log = options.log;
    this.#netTimeoutMs = netTimeoutMs;
    this.#quickMs = netTimeoutMs > 0 ? Math.min(QUICK_MS, netTimeoutMs) : QUICK_MS;
  }

  /** Ends all connections at once; calls that run fail. */
  close(): Promise<void> {
    return this.#client.close();
  }

  async read(cap: string, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
    const file = fileCap(cap);
    const size = knownSize(file);
    if (range.start < 0 || range.end < range.start || (size !== undefined && range.end > size)) {
      throw internalError(`a range of ${range.start} to ${range.end} is not within the file`);
    }
    if (file.kind === 'lit' || range.start === range.end) {
      const bytes = file.kind === 'lit' ? file.data.subarray(range.start, range.end) : Buffer.alloc(0);
      return Readable.from(bytes.length > 0 ? [bytes] : [], { objectMode: false });
    }
    return new FileStream(await this.#openRange(file, range, signal), {
      range,
      clock: this.#clock,
      maxTries: READ_TRIES,
      signal,
      // Of a mutable file the rest could be that of another version.
      reopen:
        file.kind === 'chk'
          ? async (start, tries, gone) => {
              this.#log.warn(
                { op: 'read', tries, missingBytes: range.end - start },
                'a download broke, it goes on',
              );
              await this.#clock.sleep(backoffMs(READ_BACKOFF, tries, randomFraction()), gone);
              return this.#openRange(file, { start, end: range.end }, gone);
            }
          : undefined,
    });
  }

  async mutableSize(cap: string, signal?: AbortSignal): Promise<number> {
    const file = fileCap(cap);
    if (file.kind !== 'mutable') {
      throw new FsError('bad-cap', 'this is not the cap of a mutable file');
    }
    return parseSize(await this.#get('size of a file', `${capPath(file)}?t=json`, signal));
  }

  async upload(body: UploadBody, signal?: AbortSignal): Promise<string> {
    const size = 'bytes' in body ? body.bytes.length : body.sizeBytes;
    if (size !== undefined && size <= LIT_MAX_BYTES) {
      return litCapOf(await collectSmall(body));
    }
    const { text, sentBytes } = await this.#client.send({ op: 'upload', path: '/uri', signal }, body);
    const cap = parseCap(text.trim());
    if ((cap.kind !== 'chk' && cap.kind !== 'lit') || cap.sizeBytes !== sentBytes) {
      throw new FsError('unavailable', `the node did not store the ${sentBytes} bytes that were sent`, {
        op: 'upload',
      });
    }
    return cap.text;
  }

  async overwrite(writeCap: string, body: UploadBody, signal?: AbortSignal): Promise<void> {
    const cap = writableCap(writeCap, false);
    const { text } = await this.#client.send(
      { op: 'overwrite', path: capPath(cap), isMutation: true, signal },
      body,
    );
    if (text.trim() !== cap.text) {
      throw new FsError('unavailable', 'the node wrote something else than this file', {
        op: 'overwrite',
        outcomeUnknown: true,
      });
    }
  }

  async list(dirCap: string, signal?: AbortSignal): Promise<Listing> {
    const cap = parseCap(dirCap);
    if (!isDirectoryCap(cap)) {
      throw new FsError('bad-cap', 'this is not the cap of a directory');
    }
    const op = 'list directory';
    const path = `${capPath(cap)}?t=json`;
    const answer = await this.#client.open({
      op,
      side: 'read',
      method: 'GET',
      path,
      idleMs: this.#quickMs,
      signal,
    });
    const reader = new DirnodeReader();
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    let sliceEndMs = this.#clock.monotonicMs() + PARSE_SLICE_MS;
    try {
      for await (const bytes of answer.body as AsyncIterable<Buffer>) {
        for (let start = 0; start < bytes.length; start += PARSE_SLICE_BYTES) {
          reader.push(decoder.decode(bytes.subarray(start, start + PARSE_SLICE_BYTES), { stream: true }));
          if (this.#clock.monotonicMs() >= sliceEndMs) {
            await yieldToLoop();
            sliceEndMs = this.#clock.monotonicMs() + PARSE_SLICE_MS;
          }
        }
      }
    } catch (error) {
      throw errorFromConnection(op, error, false, signal);
    }
    return reader.finish();
  }

  async check(cap: string, signal?: AbortSignal): Promise<CheckResult> {
    const parsed = parseCap(cap);
    if (parsed.kind === 'unknown') {
      throw new FsError('bad-cap', 'nobody knows what this cap is');
    }
    if (parsed.kind === 'lit' || (parsed.kind === 'immutable-directory' && parsed.inner.kind === 'lit')) {
      return { versions: [], isHealthy: true, isRecoverable: true };
    }
    const text = await this.#client.ask({
      op: 'check',
      side: 'read',
      method: 'POST',
      path: `${capPath(parsed)}?t=check&output=JSON`,
      idleMs: this.#quickMs,
      signal,
    });
    return parseCheck(text);
  }

  async makeDirectory(children: ReadonlyMap<string, ChildLink>, signal?: AbortSignal): Promise<string> {
    const nowSeconds = this.#clock.now() / 1000;
    const body = childrenBody(children, { linkcrtime: nowSeconds, linkmotime: nowSeconds });
    const text = await this.#write('make directory', '/uri?t=mkdir-with-children', body, false, signal);
    const cap = parseCap(text.trim());
    if (!isDirectoryCap(cap) || cap.kind !== 'mutable' || !cap.isWritable) {
      throw new FsError('unavailable', 'the node made no directory', {
        op: 'make directory',
        outcomeUnknown: true,
      });
    }
    return cap.text;
  }

  async setChildren(
    dirWriteCap: string,
    children: ReadonlyMap<string, ChildLink>,
    mayReplace: boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    const cap = writableCap(dirWriteCap, true);
    // `overwrite=`, as the node's documents spell it, is ignored: `replace=` is what counts.
    const path = `${capPath(cap)}?t=set_children&replace=${mayReplace}`;
    await this.#write('link', path, childrenBody(children), true, signal);
  }

  async unlink(dirWriteCap: string, name: string, signal?: AbortSignal): Promise<boolean> {
    const cap = writableCap(dirWriteCap, true);
    // As a form: a request line over 16,384 bytes is not answered, and a path could not hold `..` or an empty name.
    const form = Buffer.from(new URLSearchParams({ t: 'unlink', name: normalName(name) }).toString());
    try {
      await this.#write('unlink', capPath(cap), form, true, signal, 'application/x-www-form-urlencoded');
      return true;
    } catch (error) {
      if (error instanceof FsError && error.code === 'not-found') {
        return false;
      }
      throw error;
    }
  }

  async space(signal?: AbortSignal): Promise<GridSpace> {
    return parseSpace(await this.#get('servers', '/?t=json', signal));
  }

  #get(op: string, path: string, signal: AbortSignal | undefined): Promise<string> {
    return this.#client.ask({ op, side: 'read', method: 'GET', path, idleMs: this.#quickMs, signal });
  }

  #write(
    op: string,
    path: string,
    body: Buffer,
    isMutation: boolean,
    signal: AbortSignal | undefined,
    contentType = 'application/json',
  ): Promise<string> {
    const idleMs = this.#client.writeWithinMs(body.length);
    const headers = { 'content-type': contentType };
    return this.#client.ask({
      op,
      side: 'write',
      method: 'POST',
      path,
      headers,
      body,
      idleMs,
      isMutation,
      signal,
    });
  }

  /** The body of an answer of exactly `range`, checked: `N-` past the end would be answered with the whole file. */
  async #openRange(cap: Cap, range: ByteRange, signal: AbortSignal | undefined): Promise<Readable> {
    const { statusCode, headers, body } = await this.#client.open({
      op: 'read',
      side: 'read',
      method: 'GET',
      path: capPath(cap),
      headers: { range: `bytes=${range.start}-${range.end - 1}`, 'accept-encoding': 'identity' },
      idleMs: this.#netTimeoutMs,
      signal,
    });
    const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(String(headers['content-range'])) ?? [];
    const size = knownSize(cap);
    const isRange =
      statusCode === 206
        ? Number(first) === range.start &&
          Number(last) === range.end - 1 &&
          (size ?? Number(total)) === Number(total)
        : statusCode === 200 && range.start === 0 && (size ?? range.end) === range.end;
    if (isRange && Number(headers['content-length']) === rangeLength(range)) {
      return body;
    }
    body.on('error', () => undefined).destroy();
    throw new FsError(
      cap.kind === 'mutable' ? 'conflict' : 'corrupt',
      'the node did not answer the range asked for',
      {
        op: 'read',
      },
    );
  }
}
