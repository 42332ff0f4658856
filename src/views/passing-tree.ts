// A tree that passes every call on to another one, which is found anew with each: what a view with one idea begins from.
import type { Readable } from 'node:stream';
import type { TreePath } from '../base/path.ts';
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

export class PassingTree implements Tree {
  readonly #find: () => Tree;

  /** `find` throws while there is none. */
  constructor(find: () => Tree) {
    this.#find = find;
  }

  async stat(path: TreePath, signal?: AbortSignal): Promise<Resource> {
    return await this.#find().stat(path, signal);
  }

  async list(path: TreePath, signal?: AbortSignal): Promise<DirectoryView> {
    return await this.#find().list(path, signal);
  }

  async open(path: TreePath, signal?: AbortSignal): Promise<OpenFile> {
    return await this.#find().open(path, signal);
  }

  openAtHand(path: TreePath): OpenFile | undefined {
    return this.#find().openAtHand(path);
  }

  async openHandle(path: TreePath, options: HandleOptions): Promise<FileHandle> {
    return await this.#find().openHandle(path, options);
  }

  async write(path: TreePath, body: Readable, options?: WriteOptions): Promise<Changed> {
    return await this.#find().write(path, body, options);
  }

  async makeDirectory(path: TreePath, options?: ChangeOptions): Promise<Changed> {
    return await this.#find().makeDirectory(path, options);
  }

  async remove(path: TreePath, options?: ChangeOptions): Promise<void> {
    await this.#find().remove(path, options);
  }

  async move(from: TreePath, to: TreePath, options: TransferOptions): Promise<Changed> {
    return await this.#find().move(from, to, options);
  }

  async copy(from: TreePath, to: TreePath, options: CopyOptions): Promise<Changed> {
    return await this.#find().copy(from, to, options);
  }

  async setProperties(
    path: TreePath,
    decide: (current: Resource) => PropertyValues,
    options?: ChangeOptions,
  ): Promise<Resource> {
    return await this.#find().setProperties(path, decide, options);
  }

  async trace(path: TreePath, signal?: AbortSignal): Promise<readonly Step[]> {
    return await this.#find().trace(path, signal);
  }

  async space(signal?: AbortSignal, path?: TreePath): Promise<Space> {
    return await this.#find().space(signal, path);
  }
}
