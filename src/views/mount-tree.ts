// What one account sees: trees at paths, the longest prefix wins. Nothing here knows the trees' insides, and no call
// waits for a tree that it isn't about: a mount that is away is shown as a directory without being asked.
//
// Mount points, and the directories that stand above them, stay: they are not removed, moved, replaced or copied onto
// (`denied`). Neither is a directory above a mount point copied with all that is in it: a copy without what is mounted
// there would not be what was seen. A mount point itself can be copied, as any other directory.
import type { Readable } from 'node:stream';
import { FsError, hasCode } from '../base/errors.ts';
import { isWithin, parentPath, showPath, type TreePath } from '../base/path.ts';
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
import { copyAcross, moveAcross } from './across.ts';
import { type Mount, MountTable, type Point, type ViewMount } from './mount-table.ts';
import { withPoints } from './point-listing.ts';

export interface MountTreeOptions {
  /** Whose view it is: part of the identities of directories that stand in no tree. */
  readonly viewId: string;
  /** Their time. */
  readonly bornAtMs: number;
}

export class MountTree implements Tree {
  readonly #table: MountTable;
  readonly #o: MountTreeOptions;

  constructor(mounts: readonly ViewMount[], options: MountTreeOptions) {
    this.#table = new MountTable(mounts);
    this.#o = options;
  }

  async stat(path: TreePath, signal?: AbortSignal): Promise<Resource> {
    const { mount, rest, point } = this.#table.find(path);
    if (point?.mount) {
      return this.#atPoint(point, await point.mount.view.stat([], signal));
    }
    const found = mount && (await (point ? statOrNone(mount, rest, signal) : mount.view.stat(rest, signal)));
    if (point) {
      return found?.kind === 'directory' ? found : this.#synthetic(point);
    }
    if (found === undefined) {
      throw notFound(path);
    }
    return found;
  }

  async list(path: TreePath, signal?: AbortSignal): Promise<DirectoryView> {
    const { mount, rest, point } = this.#table.find(path);
    if (point === undefined) {
      if (mount === undefined) {
        throw notFound(path);
      }
      return await mount.view.list(rest, signal);
    }
    const view = mount && (await this.#listIn(mount, rest, point, signal));
    const shown: DirectoryView = view ?? { self: this.#synthetic(point), childCount: 0, children: () => [] };
    const { self } = shown;
    const own = point.mount ? { ...shown, self: this.#atPoint(point, self) } : shown;
    if (point.below.size === 0) {
      return { self: own.self, childCount: shown.childCount, children: () => shown.children() };
    }
    const points = new Map<string, Resource>();
    let hidden = 0;
    await Promise.all(
      Array.from(point.below, async ([name, below]) => {
        const there = view && mount && (await statOrNone(mount, [...rest, name], signal));
        if (there?.kind === 'directory' && below.mount === undefined) {
          return; // a directory of the tree that only leads on to a mount point
        }
        hidden += there === undefined ? 0 : 1;
        points.set(name, this.#synthetic(below));
      }),
    );
    return withPoints(
      { self: own.self, childCount: shown.childCount, children: () => shown.children() },
      points,
      hidden,
    );
  }

  async open(path: TreePath, signal?: AbortSignal): Promise<OpenFile> {
    const { mount, rest, point } = this.#table.find(path);
    if (point) {
      throw isDirectory(path);
    }
    if (mount === undefined) {
      throw notFound(path);
    }
    return await mount.view.open(rest, signal);
  }

  openAtHand(path: TreePath): OpenFile | undefined {
    const { mount, rest, point } = this.#table.find(path);
    return point ? undefined : mount?.view.openAtHand(rest);
  }

  async openHandle(path: TreePath, options: HandleOptions): Promise<FileHandle> {
    const { mount, rest, point } = this.#table.find(path);
    if (point) {
      throw isDirectory(path);
    }
    if (options.access === 'read') {
      if (mount === undefined) {
        throw notFound(path);
      }
      return await mount.view.openHandle(rest, options);
    }
    return await this.#change(path, (view, name) => view.openHandle(name, options));
  }

  async write(path: TreePath, body: Readable, options?: WriteOptions): Promise<Changed> {
    try {
      if (this.#table.find(path).point) {
        throw isDirectory(path);
      }
      return await this.#change(path, (view, name) => view.write(name, body, options));
    } catch (error) {
      body.destroy();
      throw error;
    }
  }

  async makeDirectory(path: TreePath, options?: ChangeOptions): Promise<Changed> {
    if (this.#table.find(path).point) {
      throw new FsError('exists', `there already is something: ${showPath(path)}`);
    }
    return await this.#change(path, (view, name) => view.makeDirectory(name, options));
  }

  async remove(path: TreePath, options?: ChangeOptions): Promise<void> {
    this.#requireNoPoint(path);
    await this.#change(path, (view, name) => view.remove(name, options));
  }

  async move(from: TreePath, to: TreePath, options: TransferOptions): Promise<Changed> {
    requireApart(from, to);
    this.#requireNoPoint(from);
    this.#requireNoPoint(to);
    const source = this.#table.find(from);
    if (source.mount === undefined) {
      throw notFound(from);
    }
    const { mount: sourceMount, rest } = source;
    return await this.#change(to, async (view, name, mount) =>
      sourceMount === mount
        ? await view.move(rest, name, options)
        : await moveAcross(sourceMount, mount, rest, name, options),
    );
  }

  async copy(from: TreePath, to: TreePath, options: CopyOptions): Promise<Changed> {
    requireApart(from, to);
    this.#requireNoPoint(to);
    const { mount: sourceMount, rest, point } = this.#table.find(from);
    if (point && (point.below.size > 0 || sourceMount === undefined) && !options.isShallow) {
      throw new FsError('denied', `other directories are mounted in ${showPath(from)}`, {
        hint: 'copy what is in it one by one',
      });
    }
    if (sourceMount === undefined) {
      throw point ? new FsError('denied', `stands in no tree: ${showPath(from)}`) : notFound(from);
    }
    return await this.#change(to, async (view, name, mount) =>
      sourceMount === mount && rest.length > 0
        ? await view.copy(rest, name, options)
        : await copyAcross(sourceMount, mount, rest, name, options),
    );
  }

  async setProperties(
    path: TreePath,
    decide: (current: Resource) => PropertyValues,
    options?: ChangeOptions,
  ): Promise<Resource> {
    const { point } = this.#table.find(path);
    if (point && (await this.#isOnlyHere(point, options?.signal))) {
      throw stays(path);
    }
    return await this.#change(path, (view, name) => view.setProperties(name, decide, options));
  }

  /**
   * Through the trees above to the mount, and on by the mount's own ids: whoever comes to them another way meets the
   * same locks. A tree above that doesn't answer is passed by the ids of the view.
   */
  async trace(path: TreePath, signal?: AbortSignal): Promise<readonly Step[]> {
    const { mount, rest, point } = this.#table.find(path);
    if (mount === undefined) {
      const steps = this.#syntheticWay(path, point ? path.length : path.length - 1);
      if (steps === undefined) {
        throw new FsError('parent-missing', `no such directory: ${showPath(parentPath(path))}`);
      }
      return point ? steps : [...steps, { placeId: this.#idOf(path), dirId: undefined }];
    }
    const depth = path.length - rest.length;
    if (point && !point.mount) {
      return await mount.view
        .trace(rest, signal)
        .then((steps) => this.#joined(path, depth, steps, signal))
        .catch((error: unknown) => {
          if (hasCode(error, 'parent-missing', 'not-directory', 'not-found')) {
            return this.#syntheticWay(path, path.length) ?? [];
          }
          throw error;
        });
    }
    return await this.#joined(path, depth, await mount.view.trace(rest, signal), signal);
  }

  async space(signal?: AbortSignal, path: TreePath = []): Promise<Space> {
    const { mount, rest } = this.#table.find(path);
    return mount ? await mount.view.space(signal, rest) : { availableBytes: undefined, usedBytes: undefined };
  }

  /** The way to the mount at `depth`, then `inner`, whose first step is the mount's root. */
  async #joined(
    path: TreePath,
    depth: number,
    inner: readonly Step[],
    signal: AbortSignal | undefined,
  ): Promise<readonly Step[]> {
    const [root, ...rest] = inner;
    if (depth === 0 || root === undefined) {
      return inner;
    }
    const above = path.slice(0, depth - 1);
    const steps = await this.trace(above, signal).catch(() => this.#syntheticWay(above, above.length) ?? []);
    return [...steps, { placeId: this.#idOf(path.slice(0, depth)), dirId: root.dirId }, ...rest];
  }

  /** Steps to the first `length` names; undefined where one of them is no point. */
  #syntheticWay(path: TreePath, length: number): Step[] | undefined {
    const steps: Step[] = [];
    for (let depth = 0; depth <= length; depth += 1) {
      const { point } = this.#table.find(path.slice(0, depth));
      if (point === undefined) {
        return undefined;
      }
      const id = this.#idOf(point.path);
      steps.push({ placeId: id, dirId: point.mount?.rootId ?? id });
    }
    return steps;
  }

  /** The mount's listing; undefined where the directory is not there in it, but has to be. */
  async #listIn(
    mount: Mount,
    rest: TreePath,
    point: Point,
    signal: AbortSignal | undefined,
  ): Promise<DirectoryView | undefined> {
    try {
      return await mount.view.list(rest, signal);
    } catch (error) {
      if (!point.mount && hasCode(error, 'not-found', 'not-directory')) {
        return undefined;
      }
      throw error;
    }
  }

  /** Runs a change in the mount that holds `path`. */
  async #change<T>(
    path: TreePath,
    change: (view: Tree, rest: TreePath, mount: Mount) => Promise<T>,
  ): Promise<T> {
    const { mount, rest } = this.#table.find(path);
    const parent = path.length === 0 ? undefined : this.#table.find(parentPath(path)).point;
    if (mount === undefined) {
      throw parent
        ? new FsError('read-only', `nothing can be kept here: ${showPath(path)}`)
        : new FsError('parent-missing', `no such directory: ${showPath(parentPath(path))}`);
    }
    try {
      return await change(mount.view, rest, mount);
    } catch (error) {
      if (
        parent &&
        !parent.mount &&
        hasCode(error, 'parent-missing', 'not-directory') &&
        (await this.#isOnlyHere(parent))
      ) {
        throw new FsError('read-only', `nothing can be kept here: ${showPath(path)}`, { cause: error });
      }
      throw error;
    }
  }

  /** True of a mount point, and of a directory above one that no tree has. */
  async #isOnlyHere(point: Point, signal?: AbortSignal): Promise<boolean> {
    const { mount, rest } = this.#table.find(point.path);
    return (
      point.mount !== undefined ||
      mount === undefined ||
      (await statOrNone(mount, rest, signal))?.kind !== 'directory'
    );
  }

  #requireNoPoint(path: TreePath): void {
    if (this.#table.find(path).point) {
      throw stays(path);
    }
  }

  /** The root of a mount as it is seen from outside. */
  #atPoint({ path }: Point, root: Resource): Resource {
    return path.length === 0 ? root : { ...root, name: path.at(-1) ?? '', placeId: this.#idOf(path) };
  }

  #synthetic({ path, mount }: Point): Resource {
    const id = this.#idOf(path);
    return {
      kind: 'directory',
      name: path.at(-1) ?? '',
      inodeId: mount?.rootId ?? id,
      placeId: id,
      sizeBytes: undefined,
      etag: undefined,
      modifiedAtMs: this.#o.bornAtMs,
      createdAtMs: this.#o.bornAtMs,
      contentType: undefined,
      deadProperties: [],
      isWritable: mount !== undefined && !mount.isReadOnly,
    };
  }

  /** No identity of a grid has a colon in it. */
  #idOf(path: TreePath): string {
    return `view:${JSON.stringify([this.#o.viewId, ...path])}`;
  }
}

/** The tree that shows `mounts`: one that is all of it needs nothing around it. */
export function viewOf(mounts: readonly ViewMount[], options: MountTreeOptions): Tree {
  const [only] = mounts;
  if (mounts.length === 1 && only?.path.length === 0) {
    return new MountTable(mounts).find([]).mount?.view ?? only.tree;
  }
  return new MountTree(mounts, options);
}

async function statOrNone(
  { view }: Mount,
  path: TreePath,
  signal: AbortSignal | undefined,
): Promise<Resource | undefined> {
  try {
    return await view.stat(path, signal);
  } catch (error) {
    if (hasCode(error, 'not-found')) {
      return undefined;
    }
    throw error;
  }
}

function requireApart(from: TreePath, to: TreePath): void {
  if (isWithin(from, to) || isWithin(to, from)) {
    throw new FsError('denied', 'source and target are the same, or one lies inside the other');
  }
}

function stays(path: TreePath): FsError {
  return new FsError('denied', `a directory is mounted there, it stays: ${showPath(path)}`);
}

function isDirectory(path: TreePath): FsError {
  return new FsError('is-directory', `a directory: ${showPath(path)}`);
}

function notFound(path: TreePath): FsError {
  return new FsError('not-found', `not found: ${showPath(path)}`);
}
