// A tree in which no litter is made, by whichever way. What lies there already is shown, and may be moved away or removed.
import type { Readable } from 'node:stream';
import { FsError } from '../base/errors.ts';
import { isRefused, type LitterRules } from '../base/litter.ts';
import { showPath, type TreePath } from '../base/path.ts';
import type {
  Changed,
  ChangeOptions,
  CopyOptions,
  FileHandle,
  HandleOptions,
  TransferOptions,
  Tree,
  WriteOptions,
} from '../inode/tree.ts';
import { PassingTree } from './passing-tree.ts';

/** The tree itself where nothing is refused. */
export function withoutLitter(tree: Tree, rules: LitterRules): Tree {
  return Object.values(rules).includes('refuse') ? new LitterRefusingTree(tree, rules) : tree;
}

class LitterRefusingTree extends PassingTree {
  readonly #rules: LitterRules;

  constructor(inner: Tree, rules: LitterRules) {
    super(() => inner);
    this.#rules = rules;
  }

  override async openHandle(path: TreePath, options: HandleOptions): Promise<FileHandle> {
    if (options.access !== 'read') {
      this.#requireWanted(path);
    }
    return await super.openHandle(path, options);
  }

  override async write(path: TreePath, body: Readable, options?: WriteOptions): Promise<Changed> {
    try {
      this.#requireWanted(path);
    } catch (error) {
      body.destroy();
      throw error;
    }
    return await super.write(path, body, options);
  }

  override async makeDirectory(path: TreePath, options?: ChangeOptions): Promise<Changed> {
    this.#requireWanted(path);
    return await super.makeDirectory(path, options);
  }

  override async move(from: TreePath, to: TreePath, options: TransferOptions): Promise<Changed> {
    this.#requireWanted(to);
    return await super.move(from, to, options);
  }

  override async copy(from: TreePath, to: TreePath, options: CopyOptions): Promise<Changed> {
    this.#requireWanted(to);
    return await super.copy(from, to, options);
  }

  #requireWanted(path: TreePath): void {
    if (isRefused(path, this.#rules)) {
      throw new FsError('denied', `files of this name are not kept here: ${showPath(path)}`, {
        hint: 'the operator of this server has said so; your other files are not touched by it',
      });
    }
  }
}
