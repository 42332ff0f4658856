// Who takes the changes of a directory's names: the grid, or this machine.
import type { DirnodeChange } from '../edits/dirnode-write.ts';
import type { WalkedDir } from './locate.ts';

export interface Changer {
  /**
   * Makes a change in the directory that was walked to. Resolves when it is safe; rejects with what `decide` threw or
   * what stands against it, and then nothing of it is there. `source`: where its companions belong.
   */
  change(at: WalkedDir, change: DirnodeChange, signal?: AbortSignal, source?: WalkedDir): Promise<void>;
  /** Companions are done in the same moment; else they are owed, and done by a change of their own. */
  readonly doesCompanions: boolean;
}

/** Changes are answered when the grid has them. */
export const writeThrough: Changer = {
  doesCompanions: false,
  change: (at, change, signal) => at.dir.writer.change(change, signal),
};
