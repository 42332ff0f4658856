// An honest Grid in memory: content by content, mutable things with versions, directories whose read caps are derived
// and open nothing more. What a node does and does not do is what the Grid contract suite says.
import { Readable } from 'node:stream';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { FsError, internalError } from '../../src/base/errors.ts';
import { normalName } from '../../src/base/path.ts';
import type { ByteRange } from '../../src/base/ranges.ts';
import { sha256 } from '../../src/seal/hash.ts';
import { randomBytes } from '../../src/seal/random.ts';
import {
  type Cap,
  chkText,
  identityOf,
  immutableDirText,
  isDirectoryCap,
  LIT_MAX_BYTES,
  litCapOf,
  mutableText,
  parseCap,
  readOnlyText,
} from '../../src/tahoe/caps.ts';
import type {
  CheckResult,
  Child,
  ChildLink,
  EdgeMetadata,
  Grid,
  GridSpace,
  Listing,
  UploadBody,
} from '../../src/tahoe/grid.ts';

interface MutableThing {
  readonly writeCap: string;
  version: number;
  /** Changes with each write: stands for the root hash. */
  root: string;
  bytes: Buffer;
  children: Map<string, Child>;
}

/** A child's caps as the node reads them back from what it was given. */
function capsOf(link: ChildLink): Pick<Child, 'kind' | 'writeCap' | 'readCap'> {
  const write = link.writeCap === undefined ? undefined : parseCap(link.writeCap);
  const read = link.readCap === undefined ? undefined : parseCap(link.readCap);
  if (write?.kind === 'verify' || read?.kind === 'verify' || (write?.kind === 'unknown' && !read)) {
    throw new FsError('bad-cap', 'a cap of this kind can not be linked');
  }
  const best = write ?? read;
  if (!best || best.kind === 'unknown') {
    return {
      kind: 'unknown',
      writeCap: write?.text,
      readCap: read && (read.kind === 'unknown' ? readOnlyText(read) : read.text),
    };
  }
  const isWritable = best === write && best.kind === 'mutable' && best.isWritable;
  return {
    kind: isDirectoryCap(best) ? 'directory' : 'file',
    writeCap: isWritable ? best.text : undefined,
    readCap: readOnlyText(best),
  };
}

async function collect(body: UploadBody): Promise<Buffer> {
  if ('bytes' in body) {
    return Buffer.from(body.bytes);
  }
  const parts: Buffer[] = [];
  for await (const part of body.stream) {
    parts.push(Buffer.from(part as Buffer));
  }
  const bytes = Buffer.concat(parts);
  if (body.sizeBytes !== undefined && bytes.length !== body.sizeBytes) {
    throw new FsError('bad-request', `the body ended after ${bytes.length} of ${body.sizeBytes} bytes`);
  }
  return bytes;
}

export class MemoryGrid implements Grid {
  readonly #clock: Clock;
  readonly #random: (count: number) => Buffer;
  readonly #immutable = new Map<string, Buffer>();
  readonly #immutableDirs = new Map<string, ReadonlyMap<string, Child>>();
  readonly #mutable = new Map<string, MutableThing>();

  /** `random`: for keys of what is made, so that a test can make the same ones again. */
  constructor(clock: Clock = systemClock, random: (count: number) => Buffer = randomBytes) {
    this.#clock = clock;
    this.#random = random;
  }

  async read(cap: string, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
    const parsed = await this.#enter(cap, signal);
    if (isDirectoryCap(parsed)) {
      throw new FsError('bad-cap', 'a directory is not read as a file');
    }
    const bytes = parsed.kind === 'lit' ? parsed.data : this.#bytesOf(parsed);
    if (range.start < 0 || range.start > range.end || range.end > bytes.length) {
      throw parsed.kind === 'mutable'
        ? new FsError('conflict', 'the range ends behind the file')
        : internalError('the range ends behind the file');
    }
    const wanted = Buffer.from(bytes.subarray(range.start, range.end));
    return Readable.from(
      (function* () {
        for (let start = 0; start < wanted.length; start += 65_536) {
          yield wanted.subarray(start, start + 65_536);
        }
      })(),
      { objectMode: false },
    );
  }

  async mutableSize(cap: string, signal?: AbortSignal): Promise<number> {
    const parsed = await this.#enter(cap, signal);
    if (parsed.kind !== 'mutable' || parsed.isDirectory) {
      throw new FsError('bad-cap', 'this is no mutable file');
    }
    return this.#thing(parsed).bytes.length;
  }

  async upload(body: UploadBody, signal?: AbortSignal): Promise<string> {
    this.#notAborted(signal);
    const bytes = await collect(body);
    if (bytes.length <= LIT_MAX_BYTES) {
      return litCapOf(bytes);
    }
    const cap = chkText({
      readKey: sha256('read key', bytes).subarray(0, 16),
      uebHash: sha256('ueb', bytes),
      needed: 1,
      total: 1,
      sizeBytes: bytes.length,
    });
    this.#immutable.set(cap, bytes);
    return cap;
  }

  async overwrite(writeCap: string, body: UploadBody, signal?: AbortSignal): Promise<void> {
    const parsed = await this.#enter(writeCap, signal);
    if (isDirectoryCap(parsed)) {
      throw new FsError('bad-cap', 'a directory is not written as a file');
    }
    const thing = this.#writable(parsed);
    const bytes = await collect(body);
    thing.bytes = bytes;
    this.#changed(thing);
  }

  async list(dirCap: string, signal?: AbortSignal): Promise<Listing> {
    const parsed = await this.#enter(dirCap, signal);
    if (!isDirectoryCap(parsed)) {
      throw new FsError('bad-cap', 'this is no directory');
    }
    if (parsed.kind === 'immutable-directory') {
      const children = this.#immutableDirs.get(parsed.text);
      if (!children) {
        throw new FsError('unavailable', 'there are not enough shares');
      }
      return { writeCap: undefined, readCap: parsed.text, children };
    }
    const thing = this.#thing(parsed);
    const names = [...thing.children.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const children = new Map<string, Child>();
    for (const name of names) {
      const child = thing.children.get(name);
      if (child) {
        children.set(name, {
          ...structuredClone(child),
          writeCap: parsed.isWritable ? child.writeCap : undefined,
        });
      }
    }
    return { writeCap: parsed.isWritable ? parsed.text : undefined, readCap: readOnlyText(parsed), children };
  }

  async check(cap: string, signal?: AbortSignal): Promise<CheckResult> {
    const parsed = await this.#enter(cap, signal);
    if (parsed.kind === 'unknown') {
      throw new FsError('bad-cap', 'nobody knows what this cap is');
    }
    if (parsed.kind === 'mutable') {
      const thing = this.#mutable.get(identityOf(parsed));
      const versions = thing ? [`seq${thing.version}-${thing.root}`] : [];
      return { versions, isHealthy: thing !== undefined, isRecoverable: thing !== undefined };
    }
    const inner = parsed.kind === 'immutable-directory' ? parsed.inner : parsed;
    const isHere = inner.kind === 'lit' || this.#immutable.has(inner.text);
    return { versions: [], isHealthy: isHere, isRecoverable: isHere };
  }

  async makeDirectory(children: ReadonlyMap<string, ChildLink>, signal?: AbortSignal): Promise<string> {
    this.#notAborted(signal);
    return this.#makeMutable(true, Buffer.alloc(0), this.#linked(new Map(), children));
  }

  async setChildren(
    dirWriteCap: string,
    children: ReadonlyMap<string, ChildLink>,
    mayReplace: boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    const thing = this.#writableDirectory(await this.#enter(dirWriteCap, signal));
    if (!mayReplace && [...children.keys()].some((name) => thing.children.has(normalName(name)))) {
      throw new FsError('exists', 'there was already a child by that name');
    }
    thing.children = this.#linked(thing.children, children);
    this.#changed(thing);
  }

  async unlink(dirWriteCap: string, name: string, signal?: AbortSignal): Promise<boolean> {
    const thing = this.#writableDirectory(await this.#enter(dirWriteCap, signal));
    if (!thing.children.delete(normalName(name))) {
      return false;
    }
    this.#changed(thing);
    return true;
  }

  async space(signal?: AbortSignal): Promise<GridSpace> {
    this.#notAborted(signal);
    return { connectedServers: 1, availableBytes: 1e12 };
  }

  /** A mutable file that holds `bytes`; its write cap. Only foreign software makes such files. */
  makeMutableFile(bytes: Buffer): string {
    return this.#makeMutable(false, Buffer.from(bytes), new Map());
  }

  /** An immutable directory, as `tahoe backup` makes them. */
  makeImmutableDirectory(children: ReadonlyMap<string, ChildLink>): string {
    const inner = parseCap(
      chkText({ readKey: this.#random(16), uebHash: this.#random(32), needed: 1, total: 1, sizeBytes: 100 }),
    );
    if (inner.kind !== 'chk') {
      throw new Error('internal: not the cap that was made');
    }
    const text = immutableDirText(inner);
    this.#immutable.set(inner.text, Buffer.alloc(inner.sizeBytes));
    this.#immutableDirs.set(text, this.#linked(new Map(), children));
    return text;
  }

  /** All shares of the thing behind `cap` are gone, as after its leases ended. */
  lose(cap: string): void {
    const parsed = parseCap(cap);
    this.#immutable.delete(parsed.kind === 'immutable-directory' ? parsed.inner.text : parsed.text);
    this.#immutableDirs.delete(parsed.text);
    this.#mutable.delete(identityOf(parsed));
  }

  #notAborted(signal: AbortSignal | undefined): void {
    if (signal?.aborted) {
      throw new FsError('aborted', 'no longer wanted', { cause: signal.reason });
    }
  }

  /** Every call takes a turn of the loop, as a network's would: who forgets to wait is found out. */
  async #enter(cap: string, signal: AbortSignal | undefined): Promise<Cap> {
    this.#notAborted(signal);
    await new Promise((resolve) => setImmediate(resolve));
    this.#notAborted(signal);
    return parseCap(cap);
  }

  #bytesOf(cap: Cap): Buffer {
    if (cap.kind === 'mutable') {
      return this.#thing(cap).bytes;
    }
    if (cap.kind !== 'chk') {
      throw new FsError('bad-cap', 'this is no file');
    }
    const bytes = this.#immutable.get(cap.text);
    if (!bytes) {
      throw new FsError('unavailable', 'there are not enough shares');
    }
    return bytes;
  }

  #thing(cap: Cap): MutableThing {
    const thing = this.#mutable.get(identityOf(cap));
    if (!thing) {
      throw new FsError('unavailable', 'there are not enough shares');
    }
    return thing;
  }

  #writable(cap: Cap): MutableThing {
    if (cap.kind === 'unknown' || cap.kind === 'verify') {
      throw new FsError('bad-cap', 'nothing can be written through this cap');
    }
    if (cap.kind !== 'mutable' || !cap.isWritable) {
      throw new FsError('read-only', 'this cap is for reading only');
    }
    return this.#thing(cap);
  }

  #writableDirectory(cap: Cap): MutableThing {
    if (!isDirectoryCap(cap)) {
      throw new FsError('bad-cap', 'this is no directory');
    }
    return this.#writable(cap);
  }

  #makeMutable(isDirectory: boolean, bytes: Buffer, children: Map<string, Child>): string {
    const key = this.#random(16);
    const writeCap = mutableText({
      isDirectory,
      format: 'SDMF',
      isWritable: true,
      key,
      fingerprint: this.#random(32),
    });
    const thing: MutableThing = { writeCap, version: 0, root: '', bytes, children };
    this.#changed(thing);
    this.#mutable.set(identityOf(parseCap(writeCap)), thing);
    return writeCap;
  }

  #changed(thing: MutableThing): void {
    thing.version += 1;
    thing.root = this.#random(4).toString('hex').slice(0, 4);
  }

  /** `before` with `links` in it; the node's own times as it keeps them. */
  #linked(before: ReadonlyMap<string, Child>, links: ReadonlyMap<string, ChildLink>): Map<string, Child> {
    const after = new Map(before);
    const now = this.#clock.now() / 1000;
    for (const [given, link] of links) {
      const name = normalName(given);
      if (/\p{Surrogate}/u.test(name)) {
        throw new FsError('bad-path', 'a name holds half a surrogate pair');
      }
      const old = before.get(name)?.metadata['tahoe'] as EdgeMetadata | undefined;
      const tahoe = { linkcrtime: old?.['linkcrtime'] ?? now, linkmotime: now };
      // Through JSON, as on the way to a node: what JSON can't carry does not arrive.
      const metadata = JSON.parse(JSON.stringify({ ...link.metadata, tahoe })) as EdgeMetadata;
      after.set(name, { ...capsOf(link), metadata });
    }
    return after;
  }
}
