// One tree of files and directories, as whoever serves it sees it: what the WebDAV side may ask of the inodes.
// Everything below (listings, edits, the grid) is behind this interface.
//
// Path errors, the same for every call: `not-found` (nothing there), `not-directory` (a path through a file:
// it is reported on writes; reads say `not-found`), `parent-missing` (writes: the directory that is to hold the name
// is absent), `denied` (the root, a loop, a thing into itself), `read-only` (no right to change it by this way).
// Grid errors pass as they are (tahoe/grid.ts).
import type { Readable } from 'node:stream';
import type { TreePath } from '../base/path.ts';
import type { ByteRange } from '../base/ranges.ts';

/** A property that means nothing to us (RFC 4918, 4). */
export interface DeadProperty {
  /** Namespace; empty for none. */
  readonly uri: string;
  readonly local: string;
  /** The whole element as XML that needs nothing around it: namespaces, language and content. */
  readonly xml: string;
}

/** What is known of a file's bytes, in base64url. */
export interface Checksums {
  readonly sha256?: string;
  readonly sha1?: string;
  readonly md5?: string;
}

/** One step of the way to a path. */
export interface Step {
  readonly placeId: string;
  /** Of the directory that stands there; undefined for anything else. */
  readonly dirId: string | undefined;
  /** Ids by which other trees know the place and the directory, where these differ: one made here keeps its first. */
  readonly aliases?: readonly string[];
}

/** What a path names, at one moment. */
export interface Resource {
  /** `unknown`: a node of a kind that this program or its gateway doesn't know; it can be moved and deleted only. */
  readonly kind: 'file' | 'directory' | 'unknown';
  /** Last name of the path as the tree has it; empty for the root. */
  readonly name: string;
  /** Stable identity: survives changes of the content; of a mutable thing and every directory also renames. */
  readonly inodeId: string;
  /** Identity of the place: the directory that holds the name, and the name. The root is its own place. */
  readonly placeId: string;
  /** Files only. Undefined where it isn't known without asking the grid (a mutable file in a listing). */
  readonly sizeBytes: number | undefined;
  /** Strong entity tag with its quotes; undefined where none is known (directories, mutable files in a listing). */
  readonly etag: string | undefined;
  /** Of a file whose bytes came by a gateway of this kind. */
  readonly checksums?: Checksums | undefined;
  readonly modifiedAtMs: number;
  readonly createdAtMs: number;
  /** Set by whoever stored it; undefined = guess from the name. */
  readonly contentType: string | undefined;
  /** Set by clients, kept as they were sent. */
  readonly deadProperties: readonly DeadProperty[];
  /** The name may be replaced or removed, and (directory) names below it changed, by the way that was walked. */
  readonly isWritable: boolean;
}

/** A directory and its children as one snapshot. */
export interface DirectoryView {
  readonly self: Resource;
  readonly childCount: number;
  /** Made as they are asked for, in the order of names. */
  children(): Iterable<Resource>;
}

/** A file opened for reading: keeps reading the version it was opened on. */
export interface OpenFile {
  /** With size and ETag known. */
  readonly resource: Resource & { readonly sizeBytes: number };
  /** All bytes in `range` (within the file) at once, if they are few and need no grid. */
  here(range: ByteRange): Promise<readonly Buffer[] | undefined>;
  /** Bytes in `range` (within the file). Fails rather than ends early. The caller reads to the end or destroys. */
  read(range: ByteRange, signal?: AbortSignal): Promise<Readable>;
}

/**
 * Says no by throwing (`precondition`, `locked` ...). Called with what stands at the name before anything is done,
 * and again when the change is about to be made, if something else stands there by then.
 */
export type Guard = (current: Resource | undefined) => void;

export interface ChangeOptions {
  readonly guard?: Guard;
  /** Called last, whatever stands there, right before the change is made: what can't be seen at the name, such as locks. */
  readonly lastWord?: () => void;
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends ChangeOptions {
  /** Called once when nothing stands against the write any more and the body is wanted (100 Continue). */
  readonly onAccepted?: () => void;
  /** Bytes that must come; any other number changes nothing (`bad-request`). */
  readonly expectedBytes?: number;
  /** What the client says the body is; kept only where it differs from what the name suggests. */
  readonly contentType?: string;
  /** Modification time to keep, ms; default now. */
  readonly modifiedAtMs?: number;
  /** What the caller found out about the body as it passed, to be kept beside its SHA-256. Asked when all of it came. */
  readonly checksums?: () => Checksums;
  /**
   * The body becomes a part of the file, whose other bytes and type stay; needs `expectedBytes`. Says where the part
   * begins in a file of `sizeBytes` (0 where there is none), behind the end: zeros between; may say no by throwing.
   * Called before the body is taken, and again if there is another file when all of it came. `conflict` where somebody
   * else changes the file each time that it is tried.
   */
  readonly partStart?: (sizeBytes: number) => number;
}

export interface TransferOptions extends ChangeOptions {
  /** Replace what stands at the target; false and something there: `exists`. */
  readonly overwrite: boolean;
  /** As `guard`, for the source. */
  readonly sourceGuard?: Guard;
}

export interface CopyOptions extends TransferOptions {
  /** Directories: only the directory itself, empty. */
  readonly isShallow?: boolean;
}

/** How a file is opened for reads and writes at an offset. `guard` is asked by who opens it for writing. */
export interface HandleOptions extends ChangeOptions {
  readonly access: 'read' | 'write' | 'read-write';
  /** Make the file where there is none. Needs an access that writes, as all below; else `bad-request`. */
  readonly create?: boolean;
  /** With `create`: `exists` where there is one, or one is being made by another handle. */
  readonly exclusive?: boolean;
  /** Cut it to nothing. */
  readonly truncate?: boolean;
  /** Every write goes to the end, whatever its position. */
  readonly append?: boolean;
}

/**
 * An open file. All handles on one version of one file share what is written by any of them; others see it when it is
 * committed: by `flush`, or by `close` of the last handle that may write, if anything was changed or the file is new.
 *
 * After `close`, and for what the handle was not opened for, every call is a `bad-handle`. Calls may overlap: writes
 * are done in the order of calls, a read does not wait for them. A write or cut that rejects has changed nothing;
 * `no-space` where changed blocks have no room.
 */
export interface FileHandle {
  readonly sizeBytes: number;
  /** Fewer bytes than `lengthBytes` at the end of the file, none behind it. */
  read(position: number, lengthBytes: number, signal?: AbortSignal): Promise<Buffer>;
  /** Behind the end: zeros between. `bytes` belong to the handle until this settles. */
  write(position: number, bytes: Buffer, signal?: AbortSignal): Promise<void>;
  /** At the end as it is when its turn comes. */
  append(bytes: Buffer, signal?: AbortSignal): Promise<void>;
  /** Longer: by zeros. */
  truncate(sizeBytes: number, signal?: AbortSignal): Promise<void>;
  /**
   * Resolves when all that was written is safe. `conflict` where the name has got another file since this one was
   * opened: nothing is overwritten, here or after any other failure the changes are kept and may be flushed again.
   */
  flush(signal?: AbortSignal): Promise<void>;
  /** Fails as `flush` does, and then the handle stays open. */
  close(signal?: AbortSignal): Promise<void>;
  /** Closes the handle without a commit. What was not committed is lost where no other handle may write. */
  discard(): Promise<void>;
}

export interface Changed {
  /** True when nothing stood at the name before. */
  readonly isNew: boolean;
  readonly resource: Resource;
}

/** New values; what is absent stays as it is. */
export interface PropertyValues {
  readonly modifiedAtMs?: number;
  readonly createdAtMs?: number;
  /** All of them: those that are not named here are gone. */
  readonly deadProperties?: readonly DeadProperty[];
}

export interface Space {
  /** Undefined where nobody says. */
  readonly availableBytes: number | undefined;
  readonly usedBytes: number | undefined;
}

/** Every change is answered when it is safe, and then it is whole; when it rejects, it is whole or absent, never half. */
export interface Tree {
  stat(path: TreePath, signal?: AbortSignal): Promise<Resource>;
  /** `not-directory` for a file. */
  list(path: TreePath, signal?: AbortSignal): Promise<DirectoryView>;
  /** `is-directory` for a directory, `denied` for an unknown node. */
  open(path: TreePath, signal?: AbortSignal): Promise<OpenFile>;
  /** As `open`, where that would wait for nothing; undefined for all else: `open` says what it is. */
  openAtHand(path: TreePath): OpenFile | undefined;
  /** As `open`, for reads and writes at an offset. */
  openHandle(path: TreePath, options: HandleOptions): Promise<FileHandle>;
  /** Replaces or makes a file from a stream that the callee owns; `is-directory` where a directory stands. */
  write(path: TreePath, body: Readable, options?: WriteOptions): Promise<Changed>;
  /** `exists` where something stands. */
  makeDirectory(path: TreePath, options?: ChangeOptions): Promise<Changed>;
  /** Removes a file or a directory with all that is in it. */
  remove(path: TreePath, options?: ChangeOptions): Promise<void>;
  /** Links at the target, then unlinks at the source. */
  move(from: TreePath, to: TreePath, options: TransferOptions): Promise<Changed>;
  /** Copies a file by linking its cap, a directory by making new dirnodes over the same file caps. */
  copy(from: TreePath, to: TreePath, options: CopyOptions): Promise<Changed>;
  /**
   * Sets what `decide` says of what stands there now; it may be called again, and where it says nothing, nothing is
   * written. `no-space` when it is more than an edge may carry, `denied` for the root, which has none.
   */
  setProperties(
    path: TreePath,
    decide: (current: Resource) => PropertyValues,
    options?: ChangeOptions,
  ): Promise<Resource>;
  /** The way to `path`, the root first; the last step may be missing on the grid. `parent-missing` as for writes. */
  trace(path: TreePath, signal?: AbortSignal): Promise<readonly Step[]>;
  /** What is free and used where `path` (default: the root) is kept; at most a minute old. */
  space(signal?: AbortSignal, path?: TreePath): Promise<Space>;
}

/** What the rights of the way to the source are worth, where another tree is asked to take it in. */
export interface SourceRights {
  /** The source may only be read: no write cap of it goes over. */
  readonly isSourceReadOnly?: boolean;
}

/**
 * A tree that takes in what stands in another one: the other's keys and local bytes are not its own, so a file that the
 * grid has is linked by its cap, and any other is copied by its bytes. `denied` for a source that it can't take from.
 */
export interface ReceivingTree extends Tree {
  /** As `copy`; the root of the source may be copied, too. */
  copyFrom(source: Tree, from: TreePath, to: TreePath, options: CopyOptions & SourceRights): Promise<Changed>;
  /**
   * As `move`, by a copy that is safe before the source is removed. `conflict` where the source is no longer what was
   * copied. Whenever this rejects, the source stands whole; the copy may stand beside it, and then it is whole too.
   */
  moveFrom(source: Tree, from: TreePath, to: TreePath, options: TransferOptions): Promise<Changed>;
}
