// Decoded directories in memory, the least recently used ones dropped first.
import type { PackedChild } from './dirnode-format.ts';
import type { VersionLabel } from './mutables.ts';

/** About 1 KB each, so some 30 MB. */
const MAX_KEPT_CHILDREN = 30_000;

/** Children by NFC name, in code-point order. */
export type Children = ReadonlyMap<string, PackedChild>;

export interface Decoded {
  /** Undefined for immutable directories: they have one version. */
  readonly label: VersionLabel | undefined;
  readonly children: Children;
  /** t=json texts of children, made when first asked for; those seen with the write cap apart from the others. */
  readonly texts: {
    readonly writable: WeakMap<PackedChild, string>;
    readonly readOnly: WeakMap<PackedChild, string>;
  };
}

export class KeptDirnodes {
  readonly #kept = new Map<string, Decoded>();
  #children = 0;

  /** Takes one out; put it back if it is still right. */
  take(key: string): Decoded | undefined {
    const kept = this.#kept.get(key);
    if (kept) {
      this.#kept.delete(key);
      this.#children -= kept.children.size;
    }
    return kept;
  }

  /** Puts `decoded` at the young end and drops the oldest until the rest fits. */
  put(key: string, decoded: Decoded): void {
    this.take(key);
    this.#kept.set(key, decoded);
    this.#children += decoded.children.size;
    for (const [oldKey, oldest] of this.#kept) {
      if (this.#children <= MAX_KEPT_CHILDREN && this.#kept.size <= MAX_KEPT_CHILDREN) {
        return;
      }
      this.#kept.delete(oldKey);
      this.#children -= oldest.children.size;
    }
  }
}
