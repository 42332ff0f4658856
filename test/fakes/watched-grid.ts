// A MemoryGrid that counts its calls and can be away.
import type { Readable } from 'node:stream';
import { FsError } from '../../src/base/errors.ts';
import type { ByteRange } from '../../src/base/ranges.ts';
import type { CheckResult, ChildLink, Listing, UploadBody } from '../../src/tahoe/grid.ts';
import { MemoryGrid } from './memory-grid.ts';

export class WatchedGrid extends MemoryGrid {
  /** Names of the calls that write, in their order. */
  readonly writes: string[] = [];
  /** The same of those that read. */
  readonly reads: string[] = [];
  isAway = false;

  override async read(cap: string, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
    this.#enter(this.reads, 'read');
    return await super.read(cap, range, signal);
  }

  override async list(dirCap: string, signal?: AbortSignal): Promise<Listing> {
    this.#enter(this.reads, 'list');
    return await super.list(dirCap, signal);
  }

  override async check(cap: string, signal?: AbortSignal): Promise<CheckResult> {
    this.#enter(this.reads, 'check');
    return await super.check(cap, signal);
  }

  override async upload(body: UploadBody, signal?: AbortSignal): Promise<string> {
    this.#enter(this.writes, 'upload');
    return await super.upload(body, signal);
  }

  override async overwrite(writeCap: string, body: UploadBody, signal?: AbortSignal): Promise<void> {
    this.#enter(this.writes, 'overwrite');
    await super.overwrite(writeCap, body, signal);
  }

  override async makeDirectory(
    children: ReadonlyMap<string, ChildLink>,
    signal?: AbortSignal,
  ): Promise<string> {
    this.#enter(this.writes, 'makeDirectory');
    return await super.makeDirectory(children, signal);
  }

  override async setChildren(
    dirWriteCap: string,
    children: ReadonlyMap<string, ChildLink>,
    mayReplace: boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    this.#enter(this.writes, 'setChildren');
    await super.setChildren(dirWriteCap, children, mayReplace, signal);
  }

  override async unlink(dirWriteCap: string, name: string, signal?: AbortSignal): Promise<boolean> {
    this.#enter(this.writes, 'unlink');
    return await super.unlink(dirWriteCap, name, signal);
  }

  #enter(calls: string[], name: string): void {
    calls.push(name);
    if (this.isAway) {
      throw new FsError('unavailable', 'the grid is away');
    }
  }
}
