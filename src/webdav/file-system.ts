// The tree as a file system of webdav-server. Two doors to the same inodes: promise methods for our own handlers, which
// speak in tree paths, and the library's operations for whoever drives the library (other handlers, embedders), which
// speak in the names that clients see. It decides nothing that the tree could decide.
//
// Of the library's operations holds: never throw, call back exactly once and later, with the library's own error objects,
// because it tells them apart by identity. `_fastExistCheck` is left out on purpose: with it every getter asks twice;
// what it would answer, the operations answer themselves. So is `_rename`, which is not told of `overwrite`: without it
// the library comes to `_move`.
import { PassThrough, type Readable, Writable } from 'node:stream';
import { v2 as webdav } from 'webdav-server';
import { FsError } from '../base/errors.ts';
import { isWithin, type TreePath } from '../base/path.ts';
import type {
  Changed,
  ChangeOptions,
  CopyOptions,
  DirectoryView,
  OpenFile,
  PropertyValues,
  Resource,
  Space,
  Step,
  TransferOptions,
  Tree,
  WriteOptions,
} from '../inode/tree.ts';
import { treePathOf } from './hrefs.ts';
import { libraryError } from './library-errors.ts';
import { locksShown, noProperties } from './library-managers.ts';
import type { LockTable } from './locks.ts';
import { mediaType } from './media-types.ts';
import { shownName } from './names.ts';

type Callback<T> = webdav.ReturnCallback<T>;

export class TahoeFileSystem extends webdav.FileSystem {
  readonly #tree: Tree;
  readonly #locks: LockTable;
  /** Requests for which the library has not asked yet what they name. */
  readonly #arriving = new WeakSet<webdav.RequestContext>();

  constructor(tree: Tree, locks: LockTable) {
    // The tree outlives the process by itself: there is nothing for the library to serialize.
    super(null as unknown as webdav.FileSystemSerializer);
    this.#tree = tree;
    this.#locks = locks;
  }

  stat(path: TreePath, signal?: AbortSignal): Promise<Resource> {
    return this.#tree.stat(path, signal);
  }

  list(path: TreePath, signal?: AbortSignal): Promise<DirectoryView> {
    return this.#tree.list(path, signal);
  }

  openAtHand(path: TreePath): OpenFile | undefined {
    return this.#tree.openAtHand(path);
  }

  open(path: TreePath, signal?: AbortSignal): Promise<OpenFile> {
    return this.#tree.open(path, signal);
  }

  write(path: TreePath, body: Readable, options: WriteOptions): Promise<Changed> {
    return this.#tree.write(path, body, options);
  }

  makeDirectory(path: TreePath, options: ChangeOptions): Promise<Changed> {
    return this.#tree.makeDirectory(path, options);
  }

  remove(path: TreePath, options: ChangeOptions): Promise<void> {
    return this.#tree.remove(path, options);
  }

  setProperties(
    path: TreePath,
    decide: (current: Resource) => PropertyValues,
    options: ChangeOptions,
  ): Promise<Resource> {
    return this.#tree.setProperties(path, decide, options);
  }

  trace(path: TreePath, signal?: AbortSignal): Promise<readonly Step[]> {
    return this.#tree.trace(path, signal);
  }

  space(path: TreePath): Promise<Space> {
    return this.#tree.space(undefined, path);
  }

  /** As the tree's `move`; also refuses by the names alone what would swallow its own source or target. */
  async moveTo(from: TreePath, to: TreePath, options: TransferOptions): Promise<Changed> {
    requireApart(from, to);
    return await this.#tree.move(from, to, options);
  }

  async copyTo(from: TreePath, to: TreePath, options: CopyOptions): Promise<Changed> {
    requireApart(from, to);
    return await this.#tree.copy(from, to, options);
  }

  /**
   * The library is about to ask for the type of what `context` requests, only to compute an Allow header that our
   * handlers set themselves. That question gets no answer: a stat here would make OPTIONS wait for the grid.
   */
  expectArrival(context: webdav.RequestContext): void {
    this.#arriving.add(context);
  }

  override type(
    context: webdav.RequestContext,
    path: webdav.Path | string,
    callback: Callback<webdav.ResourceType>,
  ): void {
    if (this.#arriving.delete(context)) {
      process.nextTick(callback, undefined, webdav.ResourceType.NoResource);
    } else {
      super.type(context, path, callback);
    }
  }

  protected override _type(
    path: webdav.Path,
    _info: webdav.TypeInfo,
    callback: Callback<webdav.ResourceType>,
  ): void {
    if (path.isRoot()) {
      answer(callback, async () => webdav.ResourceType.Directory);
    } else {
      answer(callback, async () =>
        (await this.#stat(path)).kind === 'directory'
          ? webdav.ResourceType.Directory
          : webdav.ResourceType.File,
      );
    }
  }

  protected override _size(path: webdav.Path, _info: webdav.SizeInfo, callback: Callback<number>): void {
    answer(callback, async () => (await this.#stat(path)).sizeBytes ?? 0);
  }

  protected override _etag(path: webdav.Path, _info: webdav.ETagInfo, callback: Callback<string>): void {
    answer(callback, async () => {
      const { etag, modifiedAtMs } = await this.#stat(path);
      return etag ?? `W/"${modifiedAtMs}"`; // the library has no way to say "none"
    });
  }

  protected override _mimeType(
    path: webdav.Path,
    _info: webdav.MimeTypeInfo,
    callback: Callback<string>,
  ): void {
    answer(callback, async () => {
      const { kind, name, contentType } = await this.#stat(path);
      if (kind === 'directory') {
        throw webdav.Errors.NoMimeTypeForAFolder;
      }
      return mediaType(name, contentType);
    });
  }

  protected override _creationDate(
    path: webdav.Path,
    _info: webdav.CreationDateInfo,
    callback: Callback<number>,
  ): void {
    answer(callback, async () => (await this.#stat(path)).createdAtMs);
  }

  protected override _lastModifiedDate(
    path: webdav.Path,
    _info: webdav.LastModifiedDateInfo,
    callback: Callback<number>,
  ): void {
    answer(callback, async () => (await this.#stat(path)).modifiedAtMs);
  }

  protected override _readDir(
    path: webdav.Path,
    _info: webdav.ReadDirInfo,
    callback: Callback<string[] | webdav.Path[]>,
  ): void {
    answer(callback, async () => {
      const view = await this.#tree.list(readable(path));
      return Array.from(view.children(), (child) => shownName(child.name, path.isRoot()));
    });
  }

  protected override _openReadStream(
    path: webdav.Path,
    _info: webdav.OpenReadStreamInfo,
    callback: Callback<Readable>,
  ): void {
    answer(callback, async () => {
      const file = await this.#tree.open(readable(path));
      return await file.read({ start: 0, end: file.resource.sizeBytes });
    });
  }

  /** Nothing is truncated here: what was written counts once the stream has finished, and a destroyed one changes nothing. */
  protected override _openWriteStream(
    path: webdav.Path,
    info: webdav.OpenWriteStreamInfo,
    callback: Callback<Writable>,
  ): void {
    answer(callback, async () => {
      const target = writable(path);
      if (info.mode === 'mustExist' || info.mode.startsWith('can')) {
        await this.#tree.stat(target); // absent: the library then creates it, where the mode allows
      }
      return storing((body) => this.#tree.write(target, body));
    });
  }

  /** A file is made at once and empty (a literal cap: nothing is uploaded), because it was promised to be there. */
  protected override _create(
    path: webdav.Path,
    info: webdav.CreateInfo,
    callback: webdav.SimpleCallback,
  ): void {
    answer(callback, async () => {
      if (info.type.isDirectory) {
        await this.#tree.makeDirectory(writable(path));
        return;
      }
      const empty = new PassThrough();
      empty.end();
      await this.#tree.write(writable(path), empty, {
        guard: (current) => {
          if (current !== undefined) {
            throw new FsError('exists', 'there already is something of this name');
          }
        },
      });
    });
  }

  protected override _delete(
    path: webdav.Path,
    _info: webdav.DeleteInfo,
    callback: webdav.SimpleCallback,
  ): void {
    answer(callback, async () => await this.#tree.remove(writable(path)));
  }

  protected override _move(
    from: webdav.Path,
    to: webdav.Path,
    info: webdav.MoveInfo,
    callback: Callback<boolean>,
  ): void {
    answer(callback, async () => {
      const { isNew } = await this.moveTo(writable(from), writable(to), { overwrite: info.overwrite });
      return !isNew;
    });
  }

  protected override _copy(
    from: webdav.Path,
    to: webdav.Path,
    info: webdav.CopyInfo,
    callback: Callback<boolean>,
  ): void {
    answer(callback, async () => {
      const { isNew } = await this.copyTo(readable(from), writable(to), {
        overwrite: info.overwrite,
        isShallow: info.depth === 0,
      });
      return !isNew;
    });
  }

  protected override _lockManager(
    path: webdav.Path,
    _info: webdav.LockManagerInfo,
    callback: Callback<webdav.ILockManager>,
  ): void {
    answer(callback, async () => {
      const isFree = this.#locks.isEmpty;
      return locksShown(
        isFree ? [] : this.#locks.standing.covering(await this.#tree.trace(readable(path))),
        this.#locks,
      );
    });
  }

  protected override _propertyManager(
    path: webdav.Path,
    _info: webdav.PropertyManagerInfo,
    callback: Callback<webdav.IPropertyManager>,
  ): void {
    answer(callback, async () => {
      await this.#stat(path);
      return noProperties;
    });
  }

  #stat(path: webdav.Path): Promise<Resource> {
    return this.#tree.stat(readable(path));
  }
}

/**
 * Runs `work` and hands its outcome to a callback of the library. On the next tick, so that an exception in the callback
 * is not taken for one of the work.
 */
function answer<T>(callback: (error?: Error, value?: T) => void, work: () => Promise<T>): void {
  void settle(callback, work);
}

async function settle<T>(
  callback: (error?: Error, value?: T) => void,
  work: () => Promise<T>,
): Promise<void> {
  try {
    const value = await work();
    process.nextTick(callback, undefined, value);
  } catch (error) {
    process.nextTick(callback, libraryError(error));
  }
}

function readable(path: webdav.Path): TreePath {
  const names = treePathOf(path.paths);
  if (names === undefined) {
    throw new FsError('not-found', 'nothing has this name');
  }
  return names;
}

function writable(path: webdav.Path): TreePath {
  const names = treePathOf(path.paths);
  if (names === undefined) {
    throw new FsError('denied', 'this name can not be used');
  }
  return names;
}

function requireApart(from: TreePath, to: TreePath): void {
  if (isWithin(from, to) || isWithin(to, from)) {
    throw new FsError('denied', 'source and target lie in each other');
  }
}

/**
 * A stream for the library to write to: it finishes when `store` has what was written, and fails as it fails. Only what is
 * written or ended fails: an error that nobody waits for yet would end the process.
 */
function storing(store: (body: Readable) => Promise<unknown>): Writable {
  const body = new PassThrough();
  let failure: Error | undefined;
  let resume: ((error?: Error) => void) | undefined;
  const goOn = (): void => {
    resume?.(failure);
    resume = undefined;
  };
  const stored = store(body).catch((error: unknown) => {
    failure = libraryError(error);
    goOn();
  });
  body.on('drain', goOn);
  body.on('error', () => undefined); // `store` tells of it
  return new Writable({
    write(bytes, _encoding, callback) {
      if (failure !== undefined || body.write(bytes)) {
        callback(failure);
      } else {
        resume = callback;
      }
    },
    final(callback) {
      body.end();
      void stored.then(() => process.nextTick(callback, failure));
    },
    destroy(error, callback) {
      if (!body.writableFinished) {
        body.destroy(error ?? new FsError('aborted', 'the writer gave up'));
      }
      callback(error);
    },
  });
}
