// A tree that is found anew with each call: it may be closed and opened again meanwhile.
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
  ReceivingTree,
  Resource,
  SourceRights,
  Space,
  Step,
  TransferOptions,
  Tree,
  WriteOptions,
} from '../inode/tree.ts';

export class LateTree implements ReceivingTree {
  readonly #find: () => ReceivingTree;

  /** `find` throws while there is none. */
  constructor(find: () => ReceivingTree) {
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

  async copyFrom(
    source: Tree,
    from: TreePath,
    to: TreePath,
    options: CopyOptions & SourceRights,
  ): Promise<Changed> {
    return await this.#find().copyFrom(LateTree.found(source), from, to, options);
  }

  async moveFrom(source: Tree, from: TreePath, to: TreePath, options: TransferOptions): Promise<Changed> {
    return await this.#find().moveFrom(LateTree.found(source), from, to, options);
  }

  /** What is to take in another tree has to know it as it is. */
  static found(tree: Tree): Tree {
    return tree instanceof LateTree ? tree.#find() : tree;
  }
}
