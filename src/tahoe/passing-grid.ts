// Grid that passes every call on to the one inside: what a wrapper with one idea begins from.
import type { Readable } from 'node:stream';
import type { ByteRange } from '../base/ranges.ts';
import type { CheckResult, ChildLink, Grid, GridSpace, Listing, UploadBody } from './grid.ts';

export class PassingGrid implements Grid {
  protected readonly inner: Grid;

  constructor(inner: Grid) {
    this.inner = inner;
  }

  read(cap: string, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
    return this.inner.read(cap, range, signal);
  }

  mutableSize(cap: string, signal?: AbortSignal): Promise<number> {
    return this.inner.mutableSize(cap, signal);
  }

  upload(body: UploadBody, signal?: AbortSignal): Promise<string> {
    return this.inner.upload(body, signal);
  }

  overwrite(writeCap: string, body: UploadBody, signal?: AbortSignal): Promise<void> {
    return this.inner.overwrite(writeCap, body, signal);
  }

  list(dirCap: string, signal?: AbortSignal): Promise<Listing> {
    return this.inner.list(dirCap, signal);
  }

  check(cap: string, signal?: AbortSignal): Promise<CheckResult> {
    return this.inner.check(cap, signal);
  }

  makeDirectory(children: ReadonlyMap<string, ChildLink>, signal?: AbortSignal): Promise<string> {
    return this.inner.makeDirectory(children, signal);
  }

  setChildren(
    dirWriteCap: string,
    children: ReadonlyMap<string, ChildLink>,
    mayReplace: boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    return this.inner.setChildren(dirWriteCap, children, mayReplace, signal);
  }

  unlink(dirWriteCap: string, name: string, signal?: AbortSignal): Promise<boolean> {
    return this.inner.unlink(dirWriteCap, name, signal);
  }

  space(signal?: AbortSignal): Promise<GridSpace> {
    return this.inner.space(signal);
  }
}
