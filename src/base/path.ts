// Paths inside a tree: lists of child names from its root. No text form is parsed here: what a URL means is
// the business of webdav/, what a name may be that of the grid.

/** Child names from the root of the tree down; the root itself is the empty list. */
export type TreePath = readonly string[];

/** The NFC form: the grid keeps names in it, so keys are made from it alone. */
export function normalName(name: string): string {
  return name.normalize('NFC');
}

export function parentPath(path: TreePath): TreePath {
  return path.slice(0, -1);
}

/** The last name of `path`, or undefined for the root. */
export function lastName(path: TreePath): string | undefined {
  return path.at(-1);
}

/** True when `path` is `ancestor` or lies below it, names compared in NFC. */
export function isWithin(path: TreePath, ancestor: TreePath): boolean {
  return (
    path.length >= ancestor.length &&
    ancestor.every((name, index) => normalName(name) === normalName(path[index] ?? ''))
  );
}

/** For messages only: `/a/b`. */
export function showPath(path: TreePath): string {
  return `/${path.join('/')}`;
}
