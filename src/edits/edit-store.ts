// Edits on stable storage. Every call is durable when it returns, and whole or absent after a crash.
import type { MetaStore, RecordChange } from '../meta/meta-store.ts';
import type { Edit, EditPlace } from './edit.ts';

/**
 * Hides an edit under a key from the root's write cap: edits hold write caps, and the store as a whole opens
 * with the read cap alone.
 */
export interface EditCodec {
  seal(edit: Edit, key: string): string;
  /** Throws `corrupt` when it does not open. */
  open(sealed: string, key: string): Edit;
}

const PREFIX = 'edit/';

function keyOf(place: EditPlace): string {
  return `${PREFIX}${place.dirId}/${place.name}`;
}

export class EditStore {
  readonly #store: MetaStore;
  readonly #codec: EditCodec;

  constructor(store: MetaStore, codec: EditCodec) {
    this.#store = store;
    this.#codec = codec;
  }

  /** Writes all of `edits` in one transaction; an edit of the same name is replaced. */
  async save(edits: readonly Edit[]): Promise<void> {
    await this.#commit(
      edits.map((edit) => {
        const key = keyOf(edit);
        return { key, value: { sealed: this.#codec.seal(edit, key) } };
      }),
    );
  }

  /** Forgets all of `places` in one transaction; absent ones are no error. */
  async drop(places: readonly EditPlace[]): Promise<void> {
    await this.#commit(places.map((place) => ({ key: keyOf(place), value: undefined })));
  }

  /** All edits, in no order. */
  async all(): Promise<Edit[]> {
    const edits: Edit[] = [];
    for await (const record of this.#store.scan(PREFIX)) {
      const { sealed } = record.value as { readonly sealed: string };
      edits.push(this.#codec.open(sealed, record.key));
    }
    return edits;
  }

  async #commit(changes: readonly RecordChange[]): Promise<void> {
    if (changes.length > 0) {
      await this.#store.commit(changes);
    }
  }
}
