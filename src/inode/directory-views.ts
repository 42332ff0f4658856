// A directory and its children as they are shown.
import type { Logger } from '../base/log.ts';
import type { Child } from '../tahoe/grid.ts';
import { describeChild } from './describe.ts';
import type { Files } from './file-inode.ts';
import type { WalkedDir } from './locate.ts';
import { Overlaid } from './overlaid.ts';
import { isMutable } from './overwrite-mutable.ts';
import type { DirectoryView, Resource } from './tree.ts';

/** Mutable files in one listing whose size is asked for: one call each. */
const MAX_MUTABLE_ASKED = 64;

export class DirectoryViews {
  readonly #files: Files;
  readonly #log: Logger;

  constructor(files: Files, log: Logger) {
    this.#files = files;
    this.#log = log;
  }

  async view(self: Resource, at: WalkedDir, children: ReadonlyMap<string, Child>): Promise<DirectoryView> {
    const shown = children instanceof Overlaid ? children.snapshot() : children;
    await this.#askMutableSizes(shown);
    const files = this.#files;
    return {
      self,
      childCount: shown.size,
      *children() {
        for (const [name, child] of shown) {
          yield describeChild(at, name, child, files.factsAtHand(child));
        }
      },
    };
  }

  async #askMutableSizes(children: ReadonlyMap<string, Child>): Promise<void> {
    const asked: Child[] = [];
    for (const child of children.values()) {
      if (child.kind === 'file' && isMutable(child) && asked.length < MAX_MUTABLE_ASKED) {
        asked.push(child);
      }
    }
    await Promise.all(
      asked.map((child) =>
        this.#files.facts(child).catch((error: unknown) => {
          // One file that can't be asked is listed without a size; it must not hide the others.
          this.#log.debug({ err: error }, 'the size of a mutable file could not be asked');
        }),
      ),
    );
  }
}
