// Whether a directory still stands somewhere below the root. A dirnode that was unlinked takes writes with 200 and shows
// them to nobody, so before one is written its way from the root is looked at again.
import type { TreePath } from '../base/path.ts';
import type { BaseChild } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { Stand, Stands } from '../edits/stands.ts';
import type { DirInode } from '../inode/dir-inode.ts';
import type { DirTable } from '../inode/dir-table.ts';

export interface StandingParts {
  readonly pending: PendingEdits;
  readonly stands: Stands;
  readonly dirs: DirTable;
  readonly root: DirInode;
  /** How old a listing may be that it is seen in. */
  readonly maxAgeMs: number;
}

/** Where a directory was found. */
export type Standing =
  | { readonly kind: 'stands' }
  /** Nowhere where it could be found; `below` is the last directory on its way that stands, `name` what is missing there. */
  | { readonly kind: 'vanished'; readonly below: DirInode; readonly name: string }
  /** Nobody has linked it yet, or we have unlinked it ourselves. */
  | { readonly kind: 'unlinked' };

/** Deeper than any path that a client can ask for. */
const MAX_DEPTH = 1_000;

export class StandingFinder {
  readonly #parts: StandingParts;

  constructor(parts: StandingParts) {
    this.#parts = parts;
  }

  /** The directory of this id; undefined where nothing is known of it. */
  dirOf(dirId: string): DirInode | undefined {
    const { root, stands, dirs } = this.#parts;
    if (dirId === root.dirId) {
      return root;
    }
    const cap = stands.get(dirId)?.writeCap;
    return dirs.find(dirId) ?? (cap === undefined ? undefined : dirs.get(cap));
  }

  /** The path at which a directory stood last; undefined where its way is not known. */
  pathOf(dirId: string): TreePath | undefined {
    const path: string[] = [];
    for (let at = dirId; at !== this.#parts.root.dirId; ) {
      const stand = this.#parts.stands.get(at);
      if (stand === undefined || path.length > MAX_DEPTH) {
        return undefined;
      }
      path.unshift(stand.name);
      at = stand.parentId;
    }
    return path;
  }

  /** The places of a directory and of those above it, from below. */
  *above(dirId: string): Generator<{ readonly dirId: string; readonly name: string }> {
    let depth = 0;
    for (let at = this.#parts.stands.get(dirId); at && depth < MAX_DEPTH; depth += 1) {
      yield { dirId: at.parentId, name: at.name };
      at = this.#parts.stands.get(at.parentId);
    }
  }

  /** By listings at most so old. Rejects with what the grid says. */
  async find(dir: DirInode, maxAgeMs: number = this.#parts.maxAgeMs): Promise<Standing> {
    const { root } = this.#parts;
    const way: DirInode[] = [];
    for (let at = dir; at !== root; ) {
      const stand = this.#standOf(at);
      const parent = stand && this.dirOf(stand.parentId);
      if (parent === undefined || way.length > MAX_DEPTH) {
        return { kind: 'unlinked' };
      }
      way.unshift(at);
      at = parent;
    }
    let above = root;
    for (const below of way) {
      const step = await this.#step(above, below, maxAgeMs);
      if (step !== 'stands') {
        return step === 'unlinked'
          ? { kind: 'unlinked' }
          : { kind: 'vanished', below: above, name: this.#standOf(below)?.name ?? 'directory' };
      }
      above = below;
    }
    return { kind: 'stands' };
  }

  /** Where an edit wants it, else where it stood last. */
  #standOf(dir: DirInode): Stand | undefined {
    const { pending, stands } = this.#parts;
    const known = stands.get(dir.dirId);
    if (known && pending.get({ dirId: known.parentId, name: known.name })) {
      const [wanting] = pending.wanting(known.writeCap);
      return wanting ? { ...known, parentId: wanting.dirId, name: wanting.name } : known;
    }
    return known;
  }

  async #step(
    above: DirInode,
    below: DirInode,
    maxAgeMs: number,
  ): Promise<'stands' | 'vanished' | 'unlinked'> {
    const { pending, dirs } = this.#parts;
    const name = this.#standOf(below)?.name ?? '';
    const edit = pending.get({ dirId: above.dirId, name });
    const isBelow = (child: BaseChild | undefined): boolean => dirs.idOfDirectory(child) === below.dirId;
    if (isBelow(edit?.want)) {
      return 'stands';
    }
    // Where something else was there when we changed the name, somebody else had taken it away before.
    if (above.isLocal || isBelow(edit?.base)) {
      return 'unlinked';
    }
    const children = await above.gridChildren(maxAgeMs);
    if (isBelow(children.get(name))) {
      return 'stands';
    }
    for (const child of children.values()) {
      if (isBelow(child)) {
        return 'stands'; // somebody has renamed it: a dirnode is written by its cap, wherever it stands
      }
    }
    return 'vanished';
  }
}
