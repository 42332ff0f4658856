// A tree that is found anew with each call: it may be closed and opened again meanwhile.
import type { TreePath } from '../base/path.ts';
import type {
  Changed,
  CopyOptions,
  ReceivingTree,
  SourceRights,
  TransferOptions,
  Tree,
} from '../inode/tree.ts';
import { PassingTree } from './passing-tree.ts';

export class LateTree extends PassingTree implements ReceivingTree {
  readonly #find: () => ReceivingTree;

  /** `find` throws while there is none. */
  constructor(find: () => ReceivingTree) {
    super(find);
    this.#find = find;
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
