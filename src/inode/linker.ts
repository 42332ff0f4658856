// Links a child at a place by its directory's writer, after all who may say no were asked a last time.
import { FsError } from '../base/errors.ts';
import type { Edit, SeenChild, WantedChild } from '../edits/edit.ts';
import type { Changer } from './changer.ts';
import type { Place, WalkedDir } from './locate.ts';
import type { Places } from './places.ts';
import type { Changed, ChangeOptions } from './tree.ts';

export class Linker {
  readonly #places: Places;
  readonly #changer: Changer;

  constructor(places: Places, changer: Changer) {
    this.#places = places;
    this.#changer = changer;
  }

  /** Links what `decide` wants at `place`, after the guard; answers when it is safe. */
  async link(
    place: Place,
    options: ChangeOptions & { readonly overwrite?: boolean },
    decide: (current: SeenChild | undefined) => WantedChild,
    otherHalf?: {
      readonly source: WalkedDir;
      readonly edits: readonly Edit[];
      readonly doneAfterAll: () => Promise<void>;
    },
  ): Promise<Changed> {
    let isNew = true;
    let want: WantedChild | undefined;
    await this.#changer.change(
      place.parent,
      {
        names: [place.name],
        decide: (state) => {
          const current = state.get(place.name);
          this.mayReplace(place, current, options);
          isNew = current === undefined;
          want = decide(current);
          return { wants: [{ name: place.name, want }], companions: otherHalf?.edits ?? [] };
        },
        ...(otherHalf ? { doneAfterAll: otherHalf.doneAfterAll } : {}),
      },
      options.signal,
      otherHalf?.source,
    );
    if (!want) {
      throw new Error('internal: a change was answered that was never decided');
    }
    return { isNew, resource: this.#places.describe(place, want) };
  }

  /** The last word before a name is written: what stands there now may not be what was looked at first. */
  mayReplace(
    place: Place,
    current: SeenChild | undefined,
    options: ChangeOptions & { readonly overwrite?: boolean },
  ): void {
    if (options.overwrite === false && current) {
      throw new FsError('exists', 'something stands at the target, and it was not to be replaced');
    }
    this.guardAgain(place, current, options);
  }

  guardAgain(place: Place, current: SeenChild | undefined, { guard, lastWord }: ChangeOptions): void {
    if (!this.#places.isSame(current, place.child)) {
      guard?.(current && this.#places.describe(place, current));
    }
    lastWord?.();
  }
}
