// Two writers want something else of one name: the grid's child keeps it, ours goes beside it.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { EditPlace } from '../edits/edit.ts';
import type { PendingEdit, PendingUpdate } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import { besideName, timeInName } from './beside-name.ts';

/** What stands at the name is neither what an edit replaces nor what it wants. */
export class Overtaken extends FsError {
  constructor() {
    super('conflict', 'somebody else has changed the same name');
  }
}

/** Of a gateway's name: room is left for a number, or no name would ever be free. */
const MAX_GATEWAY_CHARS = 64;

/** `letter (conflict laptop 2026-11-28 10.31.22).odt`, which nothing has that `isTaken` knows. */
export function conflictName(
  name: string,
  gateway: string,
  clock: Pick<Clock, 'now'>,
  isTaken: (name: string) => boolean,
): string {
  const time = timeInName(clock.now());
  const host = gateway.slice(0, MAX_GATEWAY_CHARS);
  for (let count = 1; ; count += 1) {
    const made = besideName(name, ` (conflict ${host} ${time}${count === 1 ? '' : ` ${count}`})`);
    if (!isTaken(made)) {
      return made;
    }
  }
}

/** The edit gives up its name; what it wanted is to stand at another one. */
export function asConflictCopy(
  edit: PendingEdit,
  name: string,
  pending: PendingEdits,
): readonly PendingUpdate[] {
  const { dirId, want } = edit;
  const gone: PendingUpdate = { place: edit, edit: undefined };
  if (want === undefined) {
    return [gone];
  }
  return [gone, moved(edit, { dirId, name }, pending)];
}

/** What an edit wants, at a name that is free. */
export function moved(edit: PendingEdit, place: EditPlace, pending: PendingEdits): PendingUpdate {
  const its = { ...withoutParking(edit), ...place, base: undefined, tried: [], gen: pending.nextGen() };
  return { place, edit: its };
}

export function withoutParking(edit: PendingEdit): PendingEdit {
  const { parked: _, ...rest } = edit;
  return rest;
}
