// Two writers want something else of one name: the grid's child keeps it, ours goes beside it.
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import type { PendingEdit, PendingUpdate } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';

/** What stands at the name is neither what an edit replaces nor what it wants. */
export class Overtaken extends FsError {
  constructor() {
    super('conflict', 'somebody else has changed the same name');
  }
}

/** What names may have; servers and clients count bytes. */
const MAX_NAME_BYTES = 255;

/** `letter (conflict laptop 2026-11-28 10.31.22).odt`, which nothing has that `isTaken` knows. */
export function conflictName(
  name: string,
  gateway: string,
  clock: Pick<Clock, 'now'>,
  isTaken: (name: string) => boolean,
): string {
  const dot = name.lastIndexOf('.');
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  const time = new Date(clock.now()).toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '.');
  for (let count = 1; ; count += 1) {
    const tail = ` (conflict ${gateway} ${time}${count === 1 ? '' : ` ${count}`})${extension}`;
    const room = MAX_NAME_BYTES - Buffer.byteLength(tail);
    const made = (room > 0 ? cut(stem, room) + tail : cut(`${stem}${tail}`, MAX_NAME_BYTES)).normalize('NFC');
    if (!isTaken(made)) {
      return made;
    }
  }
}

/** As many whole characters as fit into `maxBytes`. */
function cut(text: string, maxBytes: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxBytes) {
      break;
    }
    end += character.length;
  }
  return text.slice(0, end);
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
  const copy: PendingEdit = {
    ...withoutParking(edit),
    name,
    base: undefined,
    tried: [],
    gen: pending.nextGen(),
  };
  return [gone, { place: { dirId, name }, edit: copy }];
}

export function withoutParking(edit: PendingEdit): PendingEdit {
  const { parked: _, ...rest } = edit;
  return rest;
}
