// A child of a directory as a Resource: what is shown of it.
import type { Child } from '../tahoe/grid.ts';
import { markOf, timesOf } from './edge.ts';
import type { FileFacts } from './file-inode.ts';
import type { WalkedDir } from './locate.ts';
import type { Resource } from './tree.ts';
import { identityOfChild } from './wanted.ts';

/** `at` is the directory that holds the child. */
export function describeChild(at: WalkedDir, name: string, child: Child, facts: FileFacts): Resource {
  const isFile = child.kind === 'file';
  const mark = isFile ? facts.mark : markOf(child.metadata);
  const identity =
    child.kind === 'directory' || child.writeCap !== undefined ? identityOfChild(child) : undefined;
  return {
    kind: child.kind,
    name,
    // A mutable thing is itself wherever it stands; an immutable one is its place.
    inodeId: identity ?? `${at.dir.dirId}/${name}`,
    sizeBytes: isFile ? facts.sizeBytes : undefined,
    etag: isFile ? facts.etag : undefined,
    ...timesOf(child.metadata, mark),
    contentType: mark?.y,
    isWritable: at.isWritable,
  };
}

/** The root has no edge that could date it: it is as young as its youngest child. */
export function describeRoot(root: WalkedDir, children: ReadonlyMap<string, Child>): Resource {
  let modifiedAtMs = 0;
  let createdAtMs = Number.POSITIVE_INFINITY;
  for (const child of children.values()) {
    const times = timesOf(child.metadata, markOf(child.metadata));
    modifiedAtMs = Math.max(modifiedAtMs, times.modifiedAtMs);
    createdAtMs = Math.min(createdAtMs, times.createdAtMs);
  }
  return {
    kind: 'directory',
    name: '',
    inodeId: root.dir.dirId,
    sizeBytes: undefined,
    etag: undefined,
    modifiedAtMs,
    createdAtMs: Number.isFinite(createdAtMs) ? createdAtMs : 0,
    contentType: undefined,
    isWritable: root.isWritable,
  };
}
