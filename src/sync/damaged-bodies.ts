// Files in `dirty/` that could not be brought back when their store was lost: noted, so that they are not taken for
// left over, but stay until somebody moves them away.
import type { DirtyStore } from '../dirty/dirty-store.ts';
import type { SealedRecords } from '../edits/sealed-records.ts';
import type { RecordChange } from '../meta/meta-store.ts';

const KIND = 'damaged/';

/** What to commit so that `ids` are known as damaged, and of those that were known before no others. */
export function damagedRecords(
  records: SealedRecords,
  before: readonly string[],
  ids: readonly string[],
): readonly RecordChange[] {
  const healed = before.filter((id) => !ids.includes(id));
  return [
    ...healed.map((id) => records.change(KIND + id, undefined)),
    ...ids.map((id) => records.change(KIND + id, { id })),
  ];
}

/** Those that are still there; the others are forgotten. */
export async function knownDamaged(
  records: SealedRecords,
  bodies: Pick<DirtyStore, 'has'>,
): Promise<readonly string[]> {
  const known: string[] = [];
  const gone: RecordChange[] = [];
  for await (const { key, value } of records.scan<{ readonly id: string }>(KIND)) {
    if (bodies.has(value.id)) {
      known.push(value.id);
    } else {
      gone.push(records.change(key, undefined));
    }
  }
  await records.commit(gone);
  return known;
}
