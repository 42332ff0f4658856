// The entries of the trash as they lie in the store: sealed, since they hold caps.

import { encodeBase32 } from '../base/base32.ts';
import { FsError } from '../base/errors.ts';
import type { PendingEdit } from '../edits/pending.ts';
import type { SealedRecord, SealedRecords } from '../edits/sealed-records.ts';
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

  /** What the grid still has, for another machine: sealed as it lies here. */
  async *sealed(): AsyncGenerator<SealedRecord> {
    for await (const { key, sealed, value } of this.#records.scanSealed<TrashRecord>(KIND)) {
      if (!value.isLocalOnly) {
        yield { key, sealed };
      }
    }
  }

  /** The same, taken over. Throws `corrupt` where it was sealed by another key, or is no entry of a trash. */
  async take(records: readonly SealedRecord[]): Promise<void> {
    const changes = records.map((record) => this.#records.changeSealed(record));
    if (!records.every(({ key }) => key.startsWith(KIND))) {
      throw new FsError('corrupt', 'a record of another kind stands among those of the trash');
    }
    await this.commit(changes);
  }

  async commit(changes: readonly RecordChange[]): Promise<void> {
    for (let start = 0; start < changes.length; start += BATCH) {
      await this.#records.commit(changes.slice(start, start + BATCH));
    }
  }
}
