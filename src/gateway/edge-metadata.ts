// What a node does to the metadata of an edge when it writes it: the key `tahoe` is the node's own and holds the
// times of the link, everything else is the writer's.

export type Metadata = Record<string, unknown>;

function isObject(value: unknown): value is Metadata {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `value` as metadata; undefined where it isn't an object. */
export function asMetadata(value: unknown): Metadata | undefined {
  return isObject(value) ? value : undefined;
}

/**
 * The metadata after a link at `nowSeconds`. Without `given` the old keys stay (they may then describe content that is
 * no longer there); with it they go. The time of the first link is kept either way.
 */
export function relinkedMetadata(
  old: Metadata | undefined,
  given: Metadata | undefined,
  nowSeconds: number,
): Metadata {
  const times = isObject(old?.['tahoe']) ? old['tahoe'] : {};
  // Before 1.4 nodes kept the time of the first link in `ctime`.
  const linkcrtime = times['linkcrtime'] ?? old?.['ctime'] ?? nowSeconds;
  const { tahoe: _nodesOwn, ...kept } = given ?? old ?? {};
  return { ...kept, tahoe: { ...times, linkcrtime, linkmotime: nowSeconds } };
}
