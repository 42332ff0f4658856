// What is to be kept whatever it is worth: paths that the operator pinned, and the contents that were found there. Both
// are on stable storage, so that nothing pinned is given up between a start and the first walk.
//
//   pin/<path>          {path}
//   pinned/<content key> {sizeBytes}
import { FsError } from '../base/errors.ts';
import { showPath, type TreePath } from '../base/path.ts';
import type { BlockCache } from '../cache/block-cache.ts';
import type { MetaStore } from '../meta/meta-store.ts';

const PATHS = 'pin/';
const CONTENTS = 'pinned/';

/** Contents pinned by an earlier run, by content key; for `BlockCache.open`. */
export async function pinnedContents(store: MetaStore): Promise<ReadonlyMap<string, number>> {
  const pinned = new Map<string, number>();
  for await (const { key, value } of store.scan(CONTENTS)) {
    pinned.set(key.slice(CONTENTS.length), (value as { readonly sizeBytes: number }).sizeBytes);
  }
  return pinned;
}

function keyOf(path: TreePath): string {
  return `${PATHS}${path.map(encodeURIComponent).join('/')}`; // a name may hold a slash
}

export class Pins {
  readonly #store: MetaStore;
  readonly #cache: BlockCache;

  constructor(store: MetaStore, cache: BlockCache) {
    this.#store = store;
    this.#cache = cache;
  }

  async paths(): Promise<readonly TreePath[]> {
    const paths: TreePath[] = [];
    for await (const { value } of this.#store.scan(PATHS)) {
      paths.push((value as { readonly path: TreePath }).path);
    }
    return paths.sort((a, b) => (showPath(a) < showPath(b) ? -1 : 1));
  }

  async add(paths: readonly TreePath[]): Promise<void> {
    await this.#store.commit(paths.map((path) => ({ key: keyOf(path), value: { path } })));
  }

  /** `not-found` for a path that isn't pinned; then nothing is unpinned. */
  async remove(paths: readonly TreePath[]): Promise<void> {
    for (const path of paths) {
      if ((await this.#store.get(keyOf(path))) === undefined) {
        throw new FsError('not-found', `not pinned: ${showPath(path)}`);
      }
    }
    await this.#store.commit(paths.map((path) => ({ key: keyOf(path), value: undefined })));
  }

  /** Keeps one more content. `no-space` where pinned contents would take more than half of the cache. */
  async keep(key: string, sizeBytes: number): Promise<void> {
    if (this.#cache.pinned.has(key)) {
      return;
    }
    if (!this.#cache.pin(key, sizeBytes)) {
      throw new FsError('no-space', 'pinned contents would take more than half of the cache', {
        hint: 'unpin something, or raise --cache-max-size',
      });
    }
    try {
      await this.#store.commit([{ key: `${CONTENTS}${key}`, value: { sizeBytes } }]);
    } catch (error) {
      this.#cache.unpin(key); // what isn't on stable storage is tried again
      throw error;
    }
  }

  /** Lets go of all contents but those in `keys`. */
  async keepOnly(keys: ReadonlySet<string>): Promise<void> {
    const gone = [...this.#cache.pinned.keys()].filter((key) => !keys.has(key));
    if (gone.length === 0) {
      return;
    }
    for (const key of gone) {
      this.#cache.unpin(key);
    }
    await this.#store.commit(gone.map((key) => ({ key: `${CONTENTS}${key}`, value: undefined })));
  }
}
