// A child of a directory as a Resource: what is shown of it.
import type { EditPlace } from '../edits/edit.ts';
import type { Child } from '../tahoe/grid.ts';
import { type EdgeTimes, markOf, type OurMark, timesOf } from './edge.ts';
import type { FileFacts } from './file-inode.ts';
import type { WalkedDir } from './locate.ts';
import type { DeadProperty, Resource } from './tree.ts';

const NO_PROPERTIES: readonly DeadProperty[] = [];

type Stored = NonNullable<OurMark['p']>;
const properties = new WeakMap<Stored, readonly DeadProperty[]>();

/** The same objects as long as the listing is the same, so that what is found out about them can be remembered. */
function propertiesOf(mark: OurMark | undefined): readonly DeadProperty[] {
  const stored = mark?.p;
  if (stored === undefined) {
    return NO_PROPERTIES;
  }
  let found = properties.get(stored);
  if (found === undefined) {
    found = stored.map(([uri, local, xml]) => ({ uri, local, xml }));
    properties.set(stored, found);
  }
  return found;
}

/** Identity of a name in a directory, by whatever path it is reached. */
export function placeIdOf(at: WalkedDir, name: string): string {
  return `${at.dir.dirId}/${name}`;
}

/** The directory and the name; undefined for the root. */
export function placeOf({ placeId }: Resource): EditPlace | undefined {
  const end = placeId.indexOf('/');
  return end < 0 ? undefined : { dirId: placeId.slice(0, end), name: placeId.slice(end + 1) };
}

/** `at` is the directory that holds the child. */
export function describeChild(at: WalkedDir, name: string, child: Child, facts: FileFacts): Resource {
  const isFile = child.kind === 'file';
  const mark = isFile ? facts.mark : markOf(child.metadata);
  const identity =
    child.kind === 'directory' || child.writeCap !== undefined ? at.dirs.idOfChild(child) : undefined;
  return {
    kind: child.kind,
    name,
    // A mutable thing is itself wherever it stands; an immutable one is its place.
    inodeId: identity ?? placeIdOf(at, name),
    placeId: placeIdOf(at, name),
    sizeBytes: isFile ? facts.sizeBytes : undefined,
    etag: isFile ? facts.etag : undefined,
    checksums: isFile ? facts.checksums : undefined,
    ...timesOf(child.metadata, mark),
    contentType: mark?.y,
    deadProperties: propertiesOf(mark),
    isWritable: at.isWritable,
  };
}

/** By listing: going through 10,000 children takes 15 ms, and the root is asked for again and again. */
const timesOfListings = new WeakMap<ReadonlyMap<string, Child>, EdgeTimes>();

/** The root has no edge that could date it: it is as young as its youngest child. */
function timesOfRoot(children: ReadonlyMap<string, Child>): EdgeTimes {
  const known = timesOfListings.get(children);
  if (known !== undefined) {
    return known;
  }
  let modifiedAtMs = 0;
  let createdAtMs = Number.POSITIVE_INFINITY;
  for (const child of children.values()) {
    const times = timesOf(child.metadata, markOf(child.metadata));
    modifiedAtMs = Math.max(modifiedAtMs, times.modifiedAtMs);
    createdAtMs = Math.min(createdAtMs, times.createdAtMs);
  }
  const times = { modifiedAtMs, createdAtMs: Number.isFinite(createdAtMs) ? createdAtMs : 0 };
  timesOfListings.set(children, times);
  return times;
}

export function describeRoot(root: WalkedDir, children: ReadonlyMap<string, Child>): Resource {
  return {
    kind: 'directory',
    name: '',
    inodeId: root.dir.dirId,
    placeId: root.dir.dirId,
    sizeBytes: undefined,
    etag: undefined,
    ...timesOfRoot(children),
    contentType: undefined,
    deadProperties: NO_PROPERTIES,
    isWritable: root.isWritable,
  };
}
