// Paths inside a tree: lists of child names from its root. What a URL means is the business of webdav/, what a name
// may be that of the grid.
import { FsError } from './errors.ts';

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

/**
 * What an operator writes: `/a/b`, `a/b` or `a/b/`; `/` is the root. Names are taken in NFC. `bad-path` for an empty
 * name, `.` and `..`.
 */
export function parsePath(text: string): TreePath {
  const inner = text.replace(/^\//, '').replace(/(?<=.)\/$/s, '');
  const names = inner === '' && text !== '' ? [] : inner.split('/').map(normalName);
  const wrong = names.find((name) => name === '' || name === '.' || name === '..');
  if (wrong !== undefined) {
    throw new FsError(
      'bad-path',
      wrong === '' ? 'the path has an empty name in it' : `the path has ${wrong} in it`,
      {
        hint: 'a path starts at the root of the tree, like /photos/2024; / is the root itself',
      },
    );
  }
  return names;
}

/** `/a/b`; parsePath gives the path back. */
export function showPath(path: TreePath): string {
  return `/${path.join('/')}`;
}
