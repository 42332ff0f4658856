// A tree with no right to change anything: the same things, none of them writable. Every change is refused before
// anything is looked at, so that guards learn nothing here.
import type { Readable } from 'node:stream';
import { FsError } from '../base/errors.ts';
import type { TreePath } from '../base/path.ts';
import type {
  Changed,
  DirectoryView,
  FileHandle,
  HandleOptions,
  OpenFile,
  ReceivingTree,
  Resource,
  Space,
  Step,
  Tree,
} from '../inode/tree.ts';

export class ReadOnlyTree implements ReceivingTree {
  /** The tree with all rights. */
  readonly inner: Tree;

  constructor(inner: Tree) {
    this.inner = inner;
  }

  async stat(path: TreePath, signal?: AbortSignal): Promise<Resource> {
    return readOnly(await this.inner.stat(path, signal));
  }

  async list(path: TreePath, signal?: AbortSignal): Promise<DirectoryView> {
    const view = await this.inner.list(path, signal);
    return {
      self: readOnly(view.self),
      childCount: view.childCount,
      *children() {
        for (const child of view.children()) {
          yield readOnly(child);
        }
      },
    };
  }

  async open(path: TreePath, signal?: AbortSignal): Promise<OpenFile> {
    return readOnlyFile(await this.inner.open(path, signal));
  }

  openAtHand(path: TreePath): OpenFile | undefined {
    const file = this.inner.openAtHand(path);
    return file && readOnlyFile(file);
  }

  async openHandle(path: TreePath, options: HandleOptions): Promise<FileHandle> {
    return options.access === 'read' ? await this.inner.openHandle(path, options) : refuse();
  }

  async write(_path: TreePath, body: Readable): Promise<Changed> {
    body.destroy();
    return refuse();
  }

  async makeDirectory(): Promise<Changed> {
    return refuse();
  }

  async remove(): Promise<void> {
    refuse();
  }

  async move(): Promise<Changed> {
    return refuse();
  }

  async copy(): Promise<Changed> {
    return refuse();
  }

  async copyFrom(): Promise<Changed> {
    return refuse();
  }

  async moveFrom(): Promise<Changed> {
    return refuse();
  }

  async setProperties(): Promise<Resource> {
    return refuse();
  }

  async trace(path: TreePath, signal?: AbortSignal): Promise<readonly Step[]> {
    return await this.inner.trace(path, signal);
  }

  async space(signal?: AbortSignal, path?: TreePath): Promise<Space> {
    return await this.inner.space(signal, path);
  }
}

function refuse(): never {
  throw new FsError('read-only', 'there is no right to change anything here');
}

function readOnly<R extends Resource>(resource: R): R {
  return resource.isWritable ? { ...resource, isWritable: false } : resource;
}

/** Not a copy of the file itself: it may be an object of a class. */
function readOnlyFile(file: OpenFile): OpenFile {
  return {
    resource: readOnly(file.resource),
    here: (range) => file.here(range),
    read: (range, signal) => file.read(range, signal),
  };
}
