// Brings back contents whose store was lost or damaged: each file in `dirty/` that nothing refers to is linked again, by
// what its manifest says, in a new folder of its own. What is linked is referred to from then on, so that a run that
// was cut off is gone on with by the next one.
import { blockCountOf } from '../base/blocks.ts';
import type { Clock } from '../base/clock.ts';
import { FsError, hasCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { TreePath } from '../base/path.ts';
import type { DirtyStore } from '../dirty/dirty-store.ts';
import type { DirtyManifest } from '../dirty/manifest.ts';
import type { Landed } from '../edits/landed.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import type { SealedRecords } from '../edits/sealed-records.ts';
import type { GridTree } from '../inode/grid-tree.ts';
import { wantedFile } from '../inode/wanted.ts';
import type { RootFolder } from '../meta/root-folder.ts';
import { startSha256 } from '../seal/hash.ts';
import { localFileText } from '../tahoe/caps.ts';
import { besideName, timeInName } from './beside-name.ts';
import { damagedRecords, knownDamaged } from './damaged-bodies.ts';
import { referredBodies } from './local-file.ts';
import type { RecoverReport } from './sync-control.ts';

export interface RecoveryParts {
  readonly folder: Pick<RootFolder, 'accept'>;
  readonly tree: Pick<GridTree, 'relink' | 'writeRefusal' | 'refuseWrites'>;
  readonly pending: PendingEdits;
  readonly landed: Landed;
  readonly records: SealedRecords;
  readonly bodies: DirtyStore;
  readonly isInTrash: (id: string) => boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** False: all that lies here and that nothing refers to is to be brought back; true: only what failed before. */
  readonly isStoreKnown: boolean;
}

interface Found {
  readonly id: string;
  readonly manifest: DirtyManifest;
}

type Counts = Pick<RecoverReport, 'recovered' | 'recoveredBytes' | 'path'>;

const REPORT_EVERY_MS = 200;

export class Recovery {
  readonly #parts: RecoveryParts;
  /** What lay here before anything of this process came. */
  readonly #found: readonly string[];
  #isAccepted: boolean;
  #isRunning = false;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
    this.#found = parts.bodies.ids();
    this.#isAccepted = parts.isStoreKnown;
  }

  /**
   * Needs a grid that answers, or a listing of the root. Clients may write from its beginning: what it brings back goes
   * to a folder of its own. When it fails or is called off, writes are refused again where they were, and another run
   * goes on. When it ends they are allowed, also by later starts; what is damaged stays where it is, and is told then.
   */
  async *run(signal?: AbortSignal): AsyncGenerator<RecoverReport> {
    const { tree, folder } = this.#parts;
    if (this.#isRunning) {
      throw new FsError('conflict', 'a recovery runs already');
    }
    this.#isRunning = true;
    const refusal = tree.writeRefusal;
    tree.refuseWrites(undefined);
    let isWhole = false;
    try {
      const damaged: string[] = [];
      let counts: Counts = { recovered: 0, recoveredBytes: 0, path: undefined };
      for await (counts of this.#bringBack(damaged, signal)) {
        yield { ...counts, damaged: damaged.length, isDone: false };
      }
      await this.#noteDamaged(damaged);
      await folder.accept();
      this.#isAccepted = true;
      isWhole = true;
      yield { ...counts, damaged: damaged.length, isDone: true };
    } finally {
      this.#isRunning = false;
      if (!isWhole) {
        tree.refuseWrites(refusal);
      }
    }
  }

  async *#bringBack(damaged: string[], signal: AbortSignal | undefined): AsyncGenerator<Counts> {
    const { clock, tree } = this.#parts;
    const top = `recovered ${timeInName(clock.now())}`;
    let [recovered, recoveredBytes] = [0, 0];
    let path: TreePath | undefined;
    let toldAtMs = Number.NEGATIVE_INFINITY;
    for (const { id, manifest } of await this.#newestFirst(damaged)) {
      requireWanted(signal);
      if (!(await this.#isWhole(id, manifest, signal))) {
        damaged.push(id);
        continue;
      }
      const { sha256, sizeBytes, modifiedAtMs, contentType } = manifest;
      const about = { sha256, modifiedAtMs, contentType };
      const child = wantedFile(localFileText(id, sizeBytes), about, undefined);
      await tree.relink([top, ...manifest.path], child, (name, nth) => besideName(name, ` (older ${nth})`));
      recovered += 1;
      recoveredBytes += sizeBytes;
      path = [top];
      if (clock.monotonicMs() - toldAtMs >= REPORT_EVERY_MS) {
        toldAtMs = clock.monotonicMs();
        yield { recovered, recoveredBytes, path };
      }
    }
    yield { recovered, recoveredBytes, path };
  }

  /** So that of the versions of one path the last one gets the name. */
  async #newestFirst(damaged: string[]): Promise<readonly Found[]> {
    const found: Found[] = [];
    for (const id of await this.#unknown()) {
      const manifest = await this.#try(id, () => this.#parts.bodies.manifest(id));
      if (manifest === undefined) {
        damaged.push(id);
      } else {
        found.push({ id, manifest });
      }
    }
    return found.sort((a, b) => b.manifest.counter - a.manifest.counter);
  }

  /** Those that nothing refers to. What came with this process has somebody who will link it. */
  async #unknown(): Promise<readonly string[]> {
    const { pending, landed, records, bodies, isInTrash } = this.#parts;
    const ids = this.#isAccepted ? await knownDamaged(records, bodies) : this.#found;
    const known = referredBodies(pending, landed);
    return ids.filter((id) => bodies.has(id) && !known.has(id) && !isInTrash(id));
  }

  async #isWhole(id: string, manifest: DirtyManifest, signal: AbortSignal | undefined): Promise<boolean> {
    const { bodies } = this.#parts;
    const sha256 = await this.#try(id, async () => {
      using _hold = bodies.hold(id);
      const content = bodies.content(id, manifest.sizeBytes);
      const hash = startSha256();
      for (let index = 0; index < blockCountOf(manifest.sizeBytes); index += 1) {
        requireWanted(signal);
        hash.update(await content.read(index));
      }
      return hash.digest('base64url');
    });
    return sha256 === manifest.sha256;
  }

  async #try<T>(id: string, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!hasCode(error, 'corrupt', 'unavailable')) {
        throw error;
      }
      this.#parts.log.debug({ err: error, id }, 'a file does not open');
      return undefined;
    }
  }

  /** Known as such, they are not taken for left over by the next start. */
  async #noteDamaged(damaged: readonly string[]): Promise<void> {
    const { records, bodies, log } = this.#parts;
    await records.commit(damagedRecords(records, await knownDamaged(records, bodies), damaged));
    if (damaged.length > 0) {
      log.error(
        { ids: damaged },
        'files of unsynced content are damaged: they stay in the folder dirty, and can be moved away or recovered later',
      );
    }
  }
}

function requireWanted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new FsError('aborted', 'the recovery was called off', { cause: signal.reason });
  }
}
