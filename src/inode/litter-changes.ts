// Changes where the grid answers for all but the litter, which stays here: whose a change is follows from what is decided.
import type { LitterRules } from '../base/litter.ts';
import { litterOn } from '../base/litter.ts';
import type { Decision, DirnodeChange } from '../edits/dirnode-write.ts';
import type { PendingEdits } from '../edits/pending-edits.ts';
import { isLocalText } from '../tahoe/caps.ts';
import { type Changer, writeThrough } from './changer.ts';
import type { LocalChanges } from './local-changes.ts';
import type { WalkedDir } from './locate.ts';

export interface LitterChangesParts {
  readonly local: LocalChanges;
  readonly pending: PendingEdits;
  readonly litter: LitterRules;
}

/** What was decided is not for this machine, or not for it alone. */
class AsksGrid extends Error {
  /** Names at which the grid has something, too, that is to go. */
  readonly names: readonly string[];
  /** Nothing of it is here. */
  readonly isWhole: boolean;

  constructor(names: readonly string[], isWhole: boolean) {
    super('the grid has to be asked');
    this.names = names;
    this.isWhole = isWhole;
  }
}

export class LitterChanges implements Changer {
  readonly doesCompanions = false;
  readonly #parts: LitterChangesParts;

  constructor(parts: LitterChangesParts) {
    this.#parts = parts;
  }

  async change(
    at: WalkedDir,
    change: DirnodeChange,
    signal?: AbortSignal,
    source?: WalkedDir,
  ): Promise<void> {
    const { local, litter } = this.#parts;
    const isLitter = change.names.every((name) => litterOn([...at.path, name], litter) !== undefined);
    if (!at.dir.isLocal && !isLitter) {
      await this.#through(at, change, signal);
      return;
    }
    const checked = {
      ...change,
      decide: (state: Parameters<DirnodeChange['decide']>[0]) => this.#checked(at, change.decide(state)),
    };
    try {
      await local.change(at, checked, signal, source);
    } catch (error) {
      if (!(error instanceof AsksGrid)) {
        throw error;
      }
      if (error.isWhole) {
        await this.#through(at, change, signal);
        return;
      }
      await this.#through(at, removal(error.names), signal);
      await local.change(at, change, signal, source);
    }
  }

  /** Throws where the grid has a part in it. */
  #checked(at: WalkedDir, decision: Decision): Decision {
    const { pending } = this.#parts;
    if (at.dir.isLocal) {
      return decision;
    }
    const onGrid = at.dir.gridChildrenAtHand();
    const both: string[] = [];
    for (const { name, want } of decision.wants) {
      const isHere = pending.get({ dirId: at.dir.dirId, name })?.want !== undefined;
      if (want === undefined ? !isHere : !isLocalText(want.writeCap ?? want.readCap)) {
        throw new AsksGrid([name], true);
      }
      if (want === undefined && onGrid?.has(name)) {
        both.push(name);
      }
    }
    if (both.length > 0) {
      throw new AsksGrid(both, false);
    }
    return decision;
  }

  async #through(at: WalkedDir, change: DirnodeChange, signal: AbortSignal | undefined): Promise<void> {
    let followUp = async (): Promise<void> => undefined;
    const noted: DirnodeChange = {
      ...change,
      decide: (state) => {
        const decision = change.decide(state);
        followUp = this.#parts.local.followUp(at.dir, decision.wants);
        return decision;
      },
    };
    await writeThrough.change(at, noted, signal);
    await followUp();
  }
}

function removal(names: readonly string[]): DirnodeChange {
  return {
    names,
    decide: (state) => ({
      wants: names.filter((name) => state.get(name) !== undefined).map((name) => ({ name, want: undefined })),
    }),
  };
}
