// COPY and MOVE from one mount to another. The trees below the views do it; the rights are those of the views.
import { FsError } from '../base/errors.ts';
import type { TreePath } from '../base/path.ts';
import type { Changed, CopyOptions, ReceivingTree, TransferOptions, Tree } from '../inode/tree.ts';
import type { Mount } from './mount-table.ts';
import { ReadOnlyTree } from './read-only-tree.ts';

export async function copyAcross(
  source: Mount,
  target: Mount,
  from: TreePath,
  to: TreePath,
  options: CopyOptions,
): Promise<Changed> {
  const receiver = await receiverOf(source, target, from);
  const isSourceReadOnly = source.view instanceof ReadOnlyTree;
  return await receiver.copyFrom(source.tree, from, to, { ...options, isSourceReadOnly });
}

export async function moveAcross(
  source: Mount,
  target: Mount,
  from: TreePath,
  to: TreePath,
  options: TransferOptions,
): Promise<Changed> {
  if (source.isReadOnly) {
    throw new FsError('read-only', 'what is to be moved can only be read');
  }
  // One tree at two paths: it can move within itself, and needs no copy for that.
  if (source.tree === target.tree) {
    return await target.view.move(from, to, options);
  }
  const receiver = await receiverOf(source, target, from);
  return await receiver.moveFrom(source.tree, from, to, options);
}

/** A source that can't be asked says so by itself, before anything else is said. */
async function receiverOf(source: Mount, target: Mount, from: TreePath): Promise<ReceivingTree> {
  if (!isReceiving(target.view) || !isReceiving(source.view)) {
    await source.view.stat(from);
    await target.view.stat([]);
    throw new FsError('denied', 'nothing can be copied from there to here by the server');
  }
  return target.view;
}

function isReceiving(tree: Tree): tree is ReceivingTree {
  return 'copyFrom' in tree && 'moveFrom' in tree;
}
