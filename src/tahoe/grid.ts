// What the rest of the program may ask of a grid. Interface only: HttpGrid asks a node's web API, the wrappers
// (LimitedGrid, RetryingGrid) add one idea each, MemoryGrid in the tests is an honest fake.
//
// All calls may overlap. All reject with FsError:
//   unavailable   node refused, not enough servers or shares (may heal)
//   timeout       no progress within the time allowed (may heal)
//   aborted       the signal fired
//   bad-cap       the cap is unknown to the node or of the wrong kind
//   read-only     a write through a cap that can't
//   too-large     the node refuses the size
//   race          the node met another writer of the same mutable thing (may heal after re-reading)
// A write that failed with `outcomeUnknown` was sent and not answered: it may have happened or may still happen.
import type { Readable } from 'node:stream';
import type { ByteRange } from '../base/ranges.ts';

/** Edge metadata as it stands in the parent: any JSON. The key `tahoe` belongs to the node, `tw` to us. */
export type EdgeMetadata = Readonly<Record<string, unknown>>;

/** A child as a directory lists it. */
export interface Child {
  readonly kind: 'file' | 'directory' | 'unknown';
  /** Present for a mutable thing seen through write caps all the way. */
  readonly writeCap: string | undefined;
  readonly readCap: string | undefined;
  readonly metadata: EdgeMetadata;
}

/** A dirnode as read at one moment. Names are NFC, in the node's order. */
export interface Listing {
  readonly writeCap: string | undefined;
  readonly readCap: string;
  readonly children: ReadonlyMap<string, Child>;
}

/** A child as we want it linked. `metadata` replaces everything but the node's own `tahoe` key. */
export interface ChildLink {
  readonly kind: 'file' | 'directory' | 'unknown';
  readonly writeCap: string | undefined;
  readonly readCap: string | undefined;
  readonly metadata: EdgeMetadata;
}

export interface CheckResult {
  /**
   * The versions seen of a mutable thing, `seq7-lbqj`: sequence number and start of the root hash, sorted.
   * One entry: everybody agrees. More: writers collided or a server lags. Empty for an immutable file.
   */
  readonly versions: readonly string[];
  readonly isHealthy: boolean;
  readonly isRecoverable: boolean;
}

/** The bytes to upload. */
export type UploadBody =
  | { readonly bytes: Buffer }
  /** `sizeBytes` where known; a stream that errors or ends elsewhere stores nothing. Owned by the callee. */
  | { readonly stream: Readable; readonly sizeBytes: number | undefined };

export interface GridSpace {
  /** Servers the node is connected to. */
  readonly connectedServers: number;
  /** Sum of what they say is free; undefined when none says. */
  readonly availableBytes: number | undefined;
}

export interface Grid {
  /**
   * Streams the bytes of a file in `range` (both ends within the file; the whole file = 0..size). The stream
   * fails with an FsError when the bytes can't be had whole; it never ends early and never carries anything
   * but file bytes. The caller reads to the end or destroys. Rejects before the first byte with the codes above.
   */
  read(cap: string, range: ByteRange, signal?: AbortSignal): Promise<Readable>;

  /** Size in bytes of a mutable file now (immutable ones: it is in the cap). */
  mutableSize(cap: string, signal?: AbortSignal): Promise<number>;

  /** Stores bytes, linked nowhere; returns the read cap (CHK or LIT). Nothing is stored when the body fails. */
  upload(body: UploadBody, signal?: AbortSignal): Promise<string>;

  /** Replaces the content of the mutable file behind a write cap, in place. */
  overwrite(writeCap: string, body: UploadBody, signal?: AbortSignal): Promise<void>;

  /** Reads a directory, mutable or not. */
  list(dirCap: string, signal?: AbortSignal): Promise<Listing>;

  /** Asks for the state of a thing without reading it (`t=check`); 5 ms whatever its size. A read cap will do. */
  check(cap: string, signal?: AbortSignal): Promise<CheckResult>;

  /** Makes a directory that is linked nowhere and holds `children`; returns its write cap. */
  makeDirectory(children: ReadonlyMap<string, ChildLink>, signal?: AbortSignal): Promise<string>;

  /**
   * Links all `children` in one write of the dirnode, all or nothing. With `mayReplace` false and one of the
   * names taken: `exists`, nothing written.
   */
  setChildren(
    dirWriteCap: string,
    children: ReadonlyMap<string, ChildLink>,
    mayReplace: boolean,
    signal?: AbortSignal,
  ): Promise<void>;

  /** Takes a name out of a directory; false when it was not there. */
  unlink(dirWriteCap: string, name: string, signal?: AbortSignal): Promise<boolean>;

  /** How the node sees its servers. */
  space(signal?: AbortSignal): Promise<GridSpace>;
}
