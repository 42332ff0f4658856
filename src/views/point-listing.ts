// A directory's listing with mount points in it: each stands where its name belongs, in place of a child of that name.
import { normalName } from '../base/path.ts';
import type { DirectoryView, Resource } from '../inode/tree.ts';

/**
 * `points` by name in NFC. `hidden`: how many children of `view` have one of these names. Children are made as they are
 * asked for, as those of `view` are.
 */
export function withPoints(
  view: DirectoryView,
  points: ReadonlyMap<string, Resource>,
  hidden: number,
): DirectoryView {
  const names = [...points.keys()].sort();
  return {
    self: view.self,
    childCount: view.childCount - hidden + points.size,
    *children() {
      let next = 0;
      for (const child of view.children()) {
        const name = normalName(child.name);
        for (let at = names[next]; at !== undefined && at <= name; at = names[next]) {
          yield* only(points.get(at));
          next += 1;
        }
        if (!points.has(name)) {
          yield child;
        }
      }
      for (const at of names.slice(next)) {
        yield* only(points.get(at));
      }
    },
  };
}

function only(resource: Resource | undefined): readonly Resource[] {
  return resource === undefined ? [] : [resource];
}
