// What was last known of mutable files, on stable storage: so that one whose content is here can be opened while the
// grid is away.
//
//   mutable/<identity>   {version: text | null, sizeBytes}
import type { Logger } from '../base/log.ts';
import type { MetaStore } from '../meta/meta-store.ts';
import type { MutableFacts } from './file-inode.ts';

export class MutableStore {
  readonly #store: MetaStore;
  readonly #log: Logger;

  constructor(store: MetaStore, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  async load(id: string): Promise<MutableFacts | undefined> {
    try {
      const found = (await this.#store.get(keyOf(id)))?.value as
        | { readonly version: string | null; readonly sizeBytes: number }
        | undefined;
      return found && { version: found.version ?? undefined, sizeBytes: found.sizeBytes };
    } catch (error) {
      this.#log.warn({ err: error }, 'what was known of a mutable file can not be read');
      return undefined;
    }
  }

  /** Never rejects: it is known in memory all the same. */
  async save(id: string, { version, sizeBytes }: MutableFacts): Promise<void> {
    try {
      await this.#store.commit([{ key: keyOf(id), value: { version: version ?? null, sizeBytes } }]);
    } catch (error) {
      this.#log.warn({ err: error }, 'what is known of a mutable file could not be kept on disk');
    }
  }
}

function keyOf(id: string): string {
  return `mutable/${id}`;
}
