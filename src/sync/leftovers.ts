// What a crash can leave behind, and what nobody asks for any more: found at a start. Nothing that
// came since then is touched.
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { DirtyStore } from '../dirty/dirty-store.ts';
import type { Landed } from '../edits/landed.ts';
import type { PendingEdit } from '../edits/pending.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { SealedRecords } from '../edits/sealed-records.ts';
import type { Stands } from '../edits/stands.ts';
import type { DirInode } from '../inode/dir-inode.ts';
import type { DirTable } from '../inode/dir-table.ts';
import type { RecordChange } from '../meta/meta-store.ts';
import { identityOf, isLocalText, type LocalDirCap, parseOwnCap } from '../tahoe/caps.ts';
import type { BodyUsers } from './body-keeper.ts';
import { knownDamaged } from './damaged-bodies.ts';
import { referredBodies } from './local-file.ts';

export interface LeftoverParts {
  readonly pending: PendingEdits;
  readonly landed: Landed;
  readonly stands: Stands;
  readonly records: SealedRecords;
  readonly bodies: Pick<DirtyStore, 'setLost' | 'has'>;
  readonly dirs: DirTable;
  readonly root: DirInode;
  readonly users: BodyUsers;
  readonly clock: Clock;
  readonly log: Logger;
  /** Files in `dirty/` that may be taken for left over where nobody refers to them. */
  readonly found: readonly string[];
  /** Edits of a lower generation are of an earlier run. */
  readonly foundGen: number;
}

/** A directory's id changes when its landing is forgotten: locks and listings by the old one are long gone then. */
const DIRECTORY_KEPT_MS = 30 * 24 * 60 * 60_000;

/** Rejects with what the store or the disk says. */
export async function putAwayLeftovers(parts: LeftoverParts): Promise<void> {
  await dropCutOff(parts);
  const { landed, records, clock } = parts;
  const needed = neededDirectories(parts);
  const old = [...landed.all()].flatMap(([text, { atMs }]) => {
    const cap = parseOwnCap(text);
    return cap.kind === 'local-directory' && clock.now() - atMs > DIRECTORY_KEPT_MS ? [cap] : [];
  });
  const changes: RecordChange[] = old
    .filter((cap) => !needed.has(identityOf(cap)))
    .map((cap: LocalDirCap) => landed.forget(cap.text));
  changes.push(...parts.stands.forgetAllBut(needed));
  await records.commit(changes);
  await setLost(parts);
}

/** Directories that were made here and that nothing wants, or nothing but each other: a copy was cut off. */
async function dropCutOff(parts: LeftoverParts): Promise<void> {
  const { pending, landed, stands, dirs, root, users, log, foundGen } = parts;
  const isOnGrid = (dirId: string): boolean => {
    const cap = stands.get(dirId)?.writeCap;
    return (
      dirId === root.dirId || (cap !== undefined && (!isLocalText(cap) || landed.capsOf(cap) !== undefined))
    );
  };
  const open = [...pending.dirIds()].filter(isOnGrid);
  const reached = new Set(open);
  for (let dirId = open.pop(); dirId !== undefined; dirId = open.pop()) {
    for (const { want } of pending.of(dirId).values()) {
      const below = dirs.idOfDirectory(want);
      if (below !== undefined && !reached.has(below)) {
        reached.add(below);
        open.push(below);
      }
    }
  }
  const cutOff = [...pending.all()].filter(
    (edit) => edit.gen < foundGen && isNew(edit) && !reached.has(edit.dirId),
  );
  if (cutOff.length > 0) {
    log.info(
      { edits: cutOff.length },
      'the beginning of a copy that an earlier run did not finish is dropped',
    );
    await users.drop(cutOff);
  }
}

function isNew({ want, base, tried }: PendingEdit): boolean {
  return want !== undefined && base === undefined && tried.length === 0;
}

/** Those that edits are in or want, and those above them. */
function neededDirectories({ pending, stands, dirs }: LeftoverParts): ReadonlySet<string> {
  const needed = new Set<string>();
  const need = (dirId: string): void => {
    for (let at: string | undefined = dirId; at !== undefined && !needed.has(at); ) {
      needed.add(at);
      at = stands.get(at)?.parentId;
    }
  };
  for (const edit of pending.all()) {
    need(edit.dirId);
    const wanted = dirs.idOfDirectory(edit.want);
    if (wanted !== undefined) {
      need(wanted);
    }
  }
  return needed;
}

async function setLost(parts: LeftoverParts): Promise<void> {
  const { pending, landed, bodies, records, users, found, log } = parts;
  if (found.length === 0) {
    return;
  }
  const known = referredBodies(pending, landed);
  const damaged = new Set(await knownDamaged(records, bodies));
  if (damaged.size > 0) {
    log.warn({ ids: [...damaged] }, 'files of unsynced content that are damaged lie in the folder dirty');
  }
  const lost = found.filter((id) => !known.has(id) && !damaged.has(id) && !users.isInTrash(id));
  if (lost.length > 0) {
    log.warn({ files: lost.length }, 'files that nothing refers to are kept in the folder lost for a week');
  }
  await bodies.setLost(lost);
}
