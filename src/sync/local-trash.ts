// Which files that were never on the grid are in the trash: in memory, since their bytes stay here for it.
import { placeKey } from '../edits/edit.ts';
import type { LocalFileCap } from '../tahoe/caps.ts';
import { localCapOf } from './local-file.ts';
import type { TrashRecord } from './trash-records.ts';

export interface LocalEntry {
  readonly id: string;
  readonly cap: LocalFileCap;
  readonly removedAtMs: number;
  readonly key: string;
}

export class LocalTrash {
  readonly #byBody = new Map<string, LocalEntry>();
  /** Of one place, from old to new. */
  readonly #byPlace = new Map<string, LocalEntry[]>();

  has(bodyId: string): boolean {
    return this.#byBody.has(bodyId);
  }

  add(record: TrashRecord): void {
    const cap = localCapOf(record.child);
    if (cap !== undefined && !this.has(cap.id)) {
      const entry = { id: record.id, cap, removedAtMs: record.removedAtMs, key: placeKey(record.place) };
      this.#byBody.set(cap.id, entry);
      const there = [...(this.#byPlace.get(entry.key) ?? []), entry];
      this.#byPlace.set(
        entry.key,
        there.sort((a, b) => a.removedAtMs - b.removedAtMs),
      );
    }
  }

  remove(entry: LocalEntry): void {
    this.#byBody.delete(entry.cap.id);
    const left = this.of(entry.key).filter((other) => other !== entry);
    if (left.length > 0) {
      this.#byPlace.set(entry.key, left);
    } else {
      this.#byPlace.delete(entry.key);
    }
  }

  ofRecord({ child }: TrashRecord): LocalEntry | undefined {
    return this.#byBody.get(localCapOf(child)?.id ?? '');
  }

  /** Of one place, from old to new. */
  of(key: string): readonly LocalEntry[] {
    return this.#byPlace.get(key) ?? [];
  }

  oldestFirst(): readonly LocalEntry[] {
    return [...this.#byBody.values()].sort((a, b) => a.removedAtMs - b.removedAtMs);
  }
}
