// A part of a tree under its own paths, for who may go nowhere else: what lies at or below `path` is as in the whole
// tree, the directories above it show nothing but the way there, and all else isn't there. Paths, identities and locks
// are those of the whole tree.
import type { Readable } from 'node:stream';
import { FsError } from '../base/errors.ts';
import { isWithin, showPath, type TreePath } from '../base/path.ts';
import type {
  Changed,
  ChangeOptions,
  CopyOptions,
  DirectoryView,
  FileHandle,
  HandleOptions,
  OpenFile,
  PropertyValues,
  Resource,
  Space,
  Step,
  TransferOptions,
  Tree,
  WriteOptions,
} from '../inode/tree.ts';

export class SubTree implements Tree {
  readonly #whole: Tree;
  readonly #top: TreePath;

  /** `path`: of the topmost thing that is shown. */
  constructor(whole: Tree, path: TreePath) {
    this.#whole = whole;
    this.#top = path;
  }

  async stat(path: TreePath, signal?: AbortSignal): Promise<Resource> {
    this.#requireShown(path);
    const found = await this.#whole.stat(path, signal);
    return this.#isInside(path) ? found : onTheWay(found);
  }

  async list(path: TreePath, signal?: AbortSignal): Promise<DirectoryView> {
    this.#requireShown(path);
    if (this.#isInside(path)) {
      return await this.#whole.list(path, signal);
    }
    const self = onTheWay(await this.#whole.stat(path, signal));
    if (self.kind !== 'directory') {
      throw new FsError('not-directory', `not a directory: ${showPath(path)}`);
    }
    const next = this.#top.slice(0, path.length + 1);
    const child = await this.stat(next, signal).catch((error: unknown) => {
      if (error instanceof FsError && error.code === 'not-found') {
        return undefined;
      }
      throw error;
    });
    const children = child === undefined ? [] : [child];
    return { self, childCount: children.length, children: () => children };
  }

  async open(path: TreePath, signal?: AbortSignal): Promise<OpenFile> {
    this.#requireShown(path);
    return await this.#whole.open(path, signal);
  }

  openAtHand(path: TreePath): OpenFile | undefined {
    return this.#isInside(path) ? this.#whole.openAtHand(path) : undefined;
  }

  async openHandle(path: TreePath, options: HandleOptions): Promise<FileHandle> {
    if (options.access === 'read') {
      this.#requireShown(path);
    } else {
      this.#requireInside(path);
    }
    return await this.#whole.openHandle(path, options);
  }

  async write(path: TreePath, body: Readable, options?: WriteOptions): Promise<Changed> {
    if (!this.#isInside(path)) {
      body.destroy();
    }
    this.#requireInside(path); // the topmost thing may be a file
    return await this.#whole.write(path, body, options);
  }

  async makeDirectory(path: TreePath, options?: ChangeOptions): Promise<Changed> {
    if (isWithin(this.#top, path)) {
      throw new FsError('exists', `there already is something: ${showPath(path)}`);
    }
    this.#requireInside(path);
    return await this.#whole.makeDirectory(path, options);
  }

  async remove(path: TreePath, options?: ChangeOptions): Promise<void> {
    this.#requireMine(path);
    await this.#whole.remove(path, options);
  }

  async move(from: TreePath, to: TreePath, options: TransferOptions): Promise<Changed> {
    this.#requireMine(from);
    this.#requireMine(to);
    return await this.#whole.move(from, to, options);
  }

  async copy(from: TreePath, to: TreePath, options: CopyOptions): Promise<Changed> {
    if (!this.#isInside(from)) {
      throw this.#isOnTheWay(from) ? forbidden(from) : notThere(from);
    }
    this.#requireMine(to);
    return await this.#whole.copy(from, to, options);
  }

  async setProperties(
    path: TreePath,
    decide: (current: Resource) => PropertyValues,
    options?: ChangeOptions,
  ): Promise<Resource> {
    this.#requireInside(path);
    return await this.#whole.setProperties(path, decide, options);
  }

  async trace(path: TreePath, signal?: AbortSignal): Promise<readonly Step[]> {
    this.#requireShown(path);
    return await this.#whole.trace(path, signal);
  }

  async space(signal?: AbortSignal, path: TreePath = this.#top): Promise<Space> {
    return await this.#whole.space(signal, this.#isInside(path) ? path : this.#top);
  }

  #isInside(path: TreePath): boolean {
    return isWithin(path, this.#top);
  }

  #isBelow(path: TreePath): boolean {
    return path.length > this.#top.length && this.#isInside(path);
  }

  #isOnTheWay(path: TreePath): boolean {
    return isWithin(this.#top, path);
  }

  #requireShown(path: TreePath): void {
    if (!this.#isInside(path) && !this.#isOnTheWay(path)) {
      throw notThere(path);
    }
  }

  #requireInside(path: TreePath): void {
    if (!this.#isInside(path)) {
      throw new FsError('read-only', `outside of what may be changed: ${showPath(path)}`);
    }
  }

  /** The topmost thing itself stays: it was given whole. */
  #requireMine(path: TreePath): void {
    this.#requireInside(path);
    if (!this.#isBelow(path)) {
      throw forbidden(path);
    }
  }
}

function onTheWay(resource: Resource): Resource {
  return { ...resource, deadProperties: [], isWritable: false };
}

function notThere(path: TreePath): FsError {
  return new FsError('not-found', `not found: ${showPath(path)}`);
}

function forbidden(path: TreePath): FsError {
  return new FsError('denied', `stays as it is: ${showPath(path)}`);
}
