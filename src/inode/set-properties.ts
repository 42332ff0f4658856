// Sets what clients note of a resource: a new mark on its edge.
import { FsError } from '../base/errors.ts';
import { showPath, type TreePath } from '../base/path.ts';
import type { WantedChild } from '../edits/edit.ts';
import type { Changer } from './changer.ts';
import { describeChild } from './describe.ts';
import type { Files } from './file-inode.ts';
import type { Linker } from './linker.ts';
import { existing, type Places } from './places.ts';
import type { ChangeOptions, PropertyValues, Resource } from './tree.ts';
import { wantedWithProperties } from './wanted.ts';

export interface SetPropertiesParts {
  readonly places: Places;
  readonly linker: Linker;
  readonly files: Files;
  readonly changer: Changer;
}

/** As Tree.setProperties. */
export async function setProperties(
  { places, linker, files, changer }: SetPropertiesParts,
  path: TreePath,
  decide: (current: Resource) => PropertyValues,
  options: ChangeOptions = {},
): Promise<Resource> {
  const place = await places.toChange(path, options, true);
  await files.facts(existing(place, path)); // so that the version of a mutable file is at hand
  let want: WantedChild | undefined;
  await changer.change(
    place.parent,
    {
      names: [place.name],
      decide: (state) => {
        const current = state.get(place.name);
        if (!current) {
          throw new FsError('not-found', `nothing there any more: ${showPath(path)}`);
        }
        linker.guardAgain(place, current, options);
        const facts = files.factsAtHand(current);
        let isChange = false;
        want = wantedWithProperties(current, facts, (mark) => {
          const values = decide(describeChild(place.parent, place.name, current, { ...facts, mark }));
          isChange = Object.keys(values).length > 0;
          return values;
        });
        return { wants: isChange ? [{ name: place.name, want }] : [] };
      },
    },
    options.signal,
  );
  return await places.describeWhole(place, want ?? existing(place, path));
}
