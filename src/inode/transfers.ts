// MOVE and COPY: both ends are looked at, then the target is linked, and the source of a move unlinked after that.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import { type LitterRules, litterOn } from '../base/litter.ts';
import { showPath, type TreePath } from '../base/path.ts';
import { type Edit, fingerprint } from '../edits/edit.ts';
import { baseOf } from '../edits/pending.ts';
import type { Child } from '../tahoe/grid.ts';
import type { Changer } from './changer.ts';
import { copyOf, type Made } from './copy-tree.ts';
import type { Files } from './file-inode.ts';
import type { Linker } from './linker.ts';
import type { Place, Walker } from './locate.ts';
import type { Maker } from './maker.ts';
import { refuseNestedPaths, refuseNesting } from './nesting.ts';
import { existing, type Places } from './places.ts';
import type { Changed, CopyOptions, TransferOptions } from './tree.ts';
import { wantedAgain } from './wanted.ts';

export interface TransfersParts {
  readonly walker: Walker;
  readonly files: Files;
  readonly clock: Clock;
  readonly changer: Changer;
  readonly maker: Maker;
  readonly litter: LitterRules;
}

/** Drops what was made for a copy that failed with `error`. */
export async function abandon(maker: Maker, made: Made, error: unknown): Promise<void> {
  // Where nobody knows whether they are linked, or they can't be dropped, the next process finds out.
  if (error instanceof FsError && error.outcomeUnknown) {
    return;
  }
  await maker.abandon(made.directories).catch(() => undefined);
  await Promise.all(made.files.map((readCap) => maker.abandonFile(readCap)));
}

export class Transfers {
  readonly #parts: TransfersParts;
  readonly #places: Places;
  readonly #linker: Linker;

  constructor(parts: TransfersParts, places: Places, linker: Linker) {
    this.#parts = parts;
    this.#places = places;
    this.#linker = linker;
  }

  async move(from: TreePath, to: TreePath, options: TransferOptions): Promise<Changed> {
    const { source, child, target } = await this.#ends(from, to, options, true);
    if (source.parent.dir === target.parent.dir) {
      return await this.#moveWithin(source, child, target, options);
    }
    const { dirId, dirWriteCap } = source.parent.dir;
    const unlink: Edit = {
      dirId,
      dirWriteCap,
      name: source.name,
      want: undefined,
      bases: [fingerprint(child)],
      replaces: baseOf(child),
      after: { dirId: target.parent.dir.dirId, name: target.name },
    };
    const want = wantedAgain(child);
    const changed = await this.#linker.link(target, options, () => want, {
      source: source.parent,
      edits: [unlink],
      doneAfterAll: () => source.parent.dir.writer.owe([unlink]),
    });
    if (this.#parts.changer.doesCompanions) {
      return changed;
    }
    await this.#parts.changer.change(source.parent, {
      names: [source.name],
      owed: [unlink],
      decide: (state) => {
        const current = state.get(source.name);
        // Somebody put another thing there meanwhile: that one isn't ours to remove.
        const isStill = current !== undefined && this.#places.isSame(current, child);
        return { wants: isStill ? [{ name: source.name, want: undefined }] : [] };
      },
    });
    return changed;
  }

  async copy(from: TreePath, to: TreePath, options: CopyOptions): Promise<Changed> {
    const { source, child, target } = await this.#ends(from, to, options, false);
    const made: Made = { directories: [], files: [] };
    try {
      const walk = this.#places.forReading(options.signal);
      const context = { ...this.#parts, walk, made, staysHere: litterOn(to, this.#parts.litter) };
      const want = await copyOf(context, source.parent, source.name, child, options.isShallow ?? false);
      return await this.#linker.link(target, options, () => want);
    } catch (error) {
      await abandon(this.#parts.maker, made, error);
      throw error;
    }
  }

  async #moveWithin(source: Place, child: Child, target: Place, options: TransferOptions): Promise<Changed> {
    const want = wantedAgain(child);
    let isNew = true;
    await this.#parts.changer.change(
      target.parent,
      {
        names: [source.name, target.name],
        decide: (state) => {
          const now = state.get(source.name);
          if (!now || !this.#places.isSame(now, child)) {
            throw new FsError('conflict', 'the thing to move was changed by somebody else just now');
          }
          const current = state.get(target.name);
          this.#linker.mayReplace(target, current, options);
          isNew = current === undefined;
          return {
            wants: [
              { name: target.name, want },
              { name: source.name, want: undefined },
            ],
          };
        },
      },
      options.signal,
    );
    return { isNew, resource: this.#places.describe(target, want) };
  }

  /** Both ends of a COPY or MOVE, looked at and allowed so far. */
  async #ends(
    from: TreePath,
    to: TreePath,
    options: TransferOptions,
    isMove: boolean,
  ): Promise<{ source: Place; child: Child; target: Place }> {
    if (from.length === 0 || to.length === 0) {
      throw new FsError('denied', 'the root can not be moved, copied or replaced');
    }
    refuseNestedPaths(from, to);
    const source = isMove
      ? await this.#places.toChange(
          from,
          { ...options, guard: options.sourceGuard ?? (() => undefined) },
          true,
        )
      : await this.#places.toRead(from, options.signal);
    const child = existing(source, from);
    if (!isMove) {
      options.sourceGuard?.(await this.#places.describeWhole(source, child));
    }
    const target = await this.#places.toChange(to, options);
    if (target.child && !options.overwrite) {
      throw new FsError('exists', `something stands at the target: ${showPath(to)}`);
    }
    refuseNesting(source, child, target);
    return { source, child, target };
  }
}
