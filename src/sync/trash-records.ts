// The entries of the trash as they lie in the store: sealed, since they hold caps.

import { encodeBase32 } from '../base/base32.ts';
import type { PendingEdit } from '../edits/pending.ts';
import type { SealedRecords } from '../edits/sealed-records.ts';
import type { RecordChange } from '../meta/meta-store.ts';
import { randomBytes } from '../seal/random.ts';
import { isLocalText, parseCap } from '../tahoe/caps.ts';
import type { Child } from '../tahoe/grid.ts';
import { localCapOf } from './local-file.ts';
import type { TrashEntry } from './sync-control.ts';

export interface TrashRecord extends TrashEntry {
  readonly child: Child;
  /** Where it was: the directory's id and the name. */
  readonly place: Pick<PendingEdit, 'dirId' | 'name'>;
}

const KIND = 'trash/';
const ID_BYTES = 6;
/** Deleted in one go. */
const BATCH = 500;

export function trashRecord(
  { kind, writeCap, readCap, metadata }: Child,
  about: Pick<TrashRecord, 'path' | 'place' | 'cause' | 'removedAtMs'>,
): TrashRecord {
  const child = { kind, writeCap, readCap, metadata };
  const id = encodeBase32(randomBytes(ID_BYTES));
  return { ...about, id, kind, sizeBytes: sizeOf(child), isLocalOnly: isLocalText(readCap), child };
}

function sizeOf(child: Child): number | undefined {
  const cap = child.kind === 'file' ? (localCapOf(child) ?? parseCap(child.readCap ?? '')) : undefined;
  return cap !== undefined && 'sizeBytes' in cap ? cap.sizeBytes : undefined;
}

export class TrashRecords {
  readonly #records: SealedRecords;

  constructor(records: SealedRecords) {
    this.#records = records;
  }

  put(record: TrashRecord): RecordChange {
    return this.#records.change(KIND + record.id, record);
  }

  drop(id: string): RecordChange {
    return this.#records.change(KIND + id, undefined);
  }

  async get(id: string): Promise<TrashRecord | undefined> {
    return await this.#records.get<TrashRecord>(KIND + id);
  }

  async *all(): AsyncGenerator<TrashRecord> {
    for await (const { value } of this.#records.scan<TrashRecord>(KIND)) {
      yield value;
    }
  }

  async commit(changes: readonly RecordChange[]): Promise<void> {
    for (let start = 0; start < changes.length; start += BATCH) {
      await this.#records.commit(changes.slice(start, start + BATCH));
    }
  }
}
