// The one writer of one dirnode. Changes that wait together are written together: re-read, decide, write the edits
// down, one set_children, unlink, see that the version is ours. Nothing is answered before the grid has taken it.
//
// Two gateways that write one dirnode at the same moment can both be told 200 while one entry is lost, and a look
// right after the write still shows it. So what was answered stays an edit until a look after a quiet while finds
// it; what a racing writer undid meanwhile is written again. (Left out for a sole writer.)
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { FsError, hasCode, isRetryable } from '../base/errors.ts';
import { Limiter } from '../base/limiter.ts';
import type { Logger } from '../base/log.ts';
import { type Edit, fingerprint, type SeenChild, samePlace, standingOf, type WantedChild } from './edit.ts';
import type { EditStore } from './edit-store.ts';

/** A dirnode's children as proved at one moment. */
export interface DirnodeState {
  get(name: string): SeenChild | undefined;
  /** Changes with every write of the dirnode; undefined where that can't be told. */
  readonly version: string | undefined;
}

/** What was sent in one go, and answered with success. */
export interface SentWrite {
  readonly before: DirnodeState;
  readonly edits: readonly Edit[];
  /** How many times the dirnode was written. */
  readonly writes: number;
}

/** The dirnode, as its writer needs it. Calls never overlap. */
export interface DirnodePort {
  readonly dirId: string;
  readonly dirWriteCap: string;
  /** The state now, asked of the grid. `isProof`: every child was read, none is there because we wrote it. */
  refresh(isProof: boolean): Promise<DirnodeState>;
  /** Links all or nothing; `exists` when one is there and `mayReplace` is false. */
  link(children: ReadonlyMap<string, WantedChild>, mayReplace: boolean): Promise<void>;
  unlink(name: string): Promise<void>;
  /** The state after `sent`, as far as can be told now; becomes what readers see. */
  afterWrite(sent: SentWrite): Promise<DirnodeState>;
}

/** What a change wants, decided on what stands there. */
export interface Decision {
  readonly wants: ReadonlyArray<{ readonly name: string; readonly want: WantedChild | undefined }>;
  /** Edits of other directories that are written down in the same transaction. */
  readonly companions?: readonly Edit[];
}

export interface DirnodeChange {
  /** The names that `decide` may touch; changes that share one are written one after the other. */
  readonly names: readonly string[];
  /** Says what to do, or no by throwing. May be called again when another writer came first. */
  decide(state: DirnodeState): Decision;
}

export interface DirnodeWriterOptions {
  readonly port: DirnodePort;
  readonly edits: EditStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** How often a write is tried again before the change is refused. */
  readonly retries: number;
  /** No other node writes this tree: the look after a quiet while is left out. */
  readonly isSoleWriter: boolean;
}

/** Changes that are written together, on their way. */
interface Round {
  open: readonly Ticket[];
  /** As it was after the last write; undefined = look anew. */
  state: DirnodeState | undefined;
  wasSent: boolean;
}

interface Ticket {
  readonly change: DirnodeChange;
  readonly signal: AbortSignal | undefined;
  edits: readonly Edit[];
  companions: readonly Edit[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

// A set_children of some hundreds costs what one of one child costs, and a bad child spoils only its batch.
const MAX_BATCH = 400;
/** How often others may come first, beyond the tries after failures, before a change is refused. */
const MAX_OVERTAKEN = 10;
const RETRY: BackoffPolicy = { baseMs: 100, capMs: 2_000 };
const QUIET_MS = 1_000;
/** Proofs are retried for ever: what was answered must not be given up while the grid is away. */
const PROOF_RETRY: BackoffPolicy = { baseMs: 2_000, capMs: 60_000 };

export class DirnodeWriter {
  readonly #o: DirnodeWriterOptions;
  readonly #turn = new Limiter(1);
  #waiting: Ticket[] = [];
  /** Answered (or left by an earlier process), not yet found again after a quiet while. */
  readonly #unproved = new Map<string, Edit>();
  readonly #answeredAtMs = new Map<string, number>();
  #proofTimer: Disposable | undefined;
  #failedProofs = 0;
  readonly #stopping = new AbortController();

  constructor(options: DirnodeWriterOptions) {
    this.#o = options;
  }

  /** True when nothing waits, runs or is still to be proved. */
  get isIdle(): boolean {
    return this.#turn.isIdle && this.#waiting.length === 0 && this.#unproved.size === 0;
  }

  /** What readers must see over any listing: answered edits that a racing writer may have undone. */
  get unproved(): ReadonlyMap<string, Edit> {
    return this.#unproved;
  }

  /**
   * Makes a change. Resolves when the grid has it; rejects with what `decide` threw or what the grid said, and then
   * nothing of it is there (or, where the grid never answered, all of it may be).
   */
  async change(change: DirnodeChange, signal?: AbortSignal): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ change, signal, edits: [], companions: [], resolve, reject });
    });
    void this.#runWaiting();
    await done;
  }

  /**
   * Takes over edits of an earlier process: until the grid can be asked they are shown, then they are written, or
   * dropped where it has moved on. Returns the dropped ones; waits as long as it takes, rejects only when stopped.
   */
  async adopt(edits: readonly Edit[]): Promise<readonly Edit[]> {
    for (const edit of edits) {
      this.#unproved.set(edit.name, edit);
    }
    for (let attempt = 1; ; attempt += 1) {
      try {
        using _turn = await this.#turn.take(this.#stopping.signal);
        const overtaken = await this.#proveNow();
        return overtaken.filter((edit) => edits.includes(edit));
      } catch (error) {
        if (this.#stopping.signal.aborted) {
          throw error;
        }
        this.#o.log.warn({ dir: this.#o.port.dirId, err: error }, 'changes of an earlier run still wait');
        await this.#o.clock.sleep(backoffMs(PROOF_RETRY, attempt, this.#o.random()), this.#stopping.signal);
      }
    }
  }

  /** Waits for what runs; edits that are not proved stay in the store for the next process. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#proofTimer?.[Symbol.dispose]();
    using _turn = await this.#turn.take();
  }

  async #runWaiting(): Promise<void> {
    using _turn = await this.#turn.take();
    const tickets = this.#takeBatch();
    if (tickets.length > 0) {
      await this.#round(tickets).catch((error: unknown) => {
        for (const ticket of tickets) {
          ticket.reject(error); // settled ones don't care
        }
      });
    }
  }

  /** Waiting tickets, in order, up to the first that shares a name with one before it. */
  #takeBatch(): Ticket[] {
    const names = new Set<string>();
    const batch: Ticket[] = [];
    while (batch.length < MAX_BATCH) {
      const next = this.#waiting[0];
      if (!next || next.change.names.some((name) => names.has(name))) {
        break;
      }
      this.#waiting.shift();
      if (next.signal?.aborted) {
        next.reject(new FsError('aborted', 'the request was given up', { cause: next.signal.reason }));
        continue;
      }
      for (const name of next.change.names) {
        names.add(name);
      }
      batch.push(next);
    }
    return batch;
  }

  async #round(tickets: readonly Ticket[]): Promise<void> {
    const round: Round = { open: tickets, state: undefined, wasSent: false };
    for (let attempt = 1; attempt <= this.#o.retries + MAX_OVERTAKEN; attempt += 1) {
      try {
        if (await this.#attempt(round)) {
          return;
        }
      } catch (error) {
        round.state = undefined;
        const isLast = attempt > this.#o.retries;
        if (round.wasSent && mayPass(error) && !isLast) {
          await this.#o.clock.sleep(backoffMs(RETRY, attempt, this.#o.random()));
        } else if (round.wasSent && round.open.length > 1 && !isRetryable(error)) {
          // One bad child spoils the whole set: each alone, so that only the bad one is refused.
          for (const ticket of round.open) {
            await this.#round([ticket]);
          }
          return;
        } else {
          await this.#giveUp(round.open, error);
          return;
        }
      }
    }
    await this.#giveUp(round.open, new FsError('race', 'another writer of this directory always came first'));
  }

  /** Looks, decides, answers what is there, writes the rest. True when nothing is left; else the next look tells. */
  async #attempt(round: Round): Promise<boolean> {
    const state = round.state ?? (await this.#o.port.refresh(false));
    round.open = await this.#settle(round.open, state);
    const edits = round.open.flatMap((ticket) => ticket.edits);
    if (edits.length === 0) {
      return true; // what a racing writer undid waits for the next proof
    }
    const names = new Set(edits.map((edit) => edit.name));
    const todo = [...edits, ...this.#undone(state).filter((edit) => !names.has(edit.name))].filter(
      (edit) => standingOf(edit, state.get(edit.name)) === 'open',
    );
    await this.#o.edits.save(round.open.flatMap((ticket) => [...ticket.edits, ...ticket.companions]));
    round.wasSent = true;
    round.state = await this.#write(todo, state);
    return false;
  }

  /** Decides what is undecided, answers what is done; returns the tickets that still need the grid. */
  async #settle(tickets: readonly Ticket[], state: DirnodeState): Promise<Ticket[]> {
    const open: Ticket[] = [];
    const finished: Ticket[] = [];
    for (const ticket of tickets) {
      const standings = ticket.edits.map((edit) => standingOf(edit, state.get(edit.name)));
      if (ticket.edits.length > 0 && standings.every((standing) => standing === 'done')) {
        finished.push(ticket);
      } else if (standings.includes('done') && !standings.includes('open')) {
        // The link of a move stands, and somebody put something else at the old name: theirs stays.
        finished.push(ticket);
      } else if (!standings.includes('open') && this.#decide(ticket, state)) {
        (ticket.edits.length > 0 ? open : finished).push(ticket);
      } else if (standings.includes('open')) {
        open.push(ticket);
      }
    }
    await this.#answer(finished, state);
    return open;
  }

  /** False when the ticket was refused. */
  #decide(ticket: Ticket, state: DirnodeState): boolean {
    const { dirId, dirWriteCap } = this.#o.port;
    try {
      const seen = this.#undone(state).length === 0 ? state : this.#withUndone(state);
      const decision = ticket.change.decide(seen);
      ticket.edits = decision.wants.map(({ name, want }) => {
        const current = state.get(name);
        return { dirId, name, dirWriteCap, want, base: current && fingerprint(current) };
      });
      ticket.companions = decision.companions ?? [];
      return true;
    } catch (error) {
      ticket.reject(error);
      return false;
    }
  }

  async #answer(tickets: readonly Ticket[], state: DirnodeState): Promise<void> {
    const edits = tickets.flatMap((ticket) => ticket.edits);
    if (this.#o.isSoleWriter) {
      await this.#o.edits.drop(edits);
      for (const edit of edits) {
        this.#unproved.delete(edit.name);
      }
    } else {
      for (const edit of edits) {
        this.#unproved.set(edit.name, edit);
        this.#answeredAtMs.set(edit.name, this.#o.clock.monotonicMs());
      }
      this.#proveLater(QUIET_MS);
    }
    if (edits.length > 0) {
      this.#o.log.debug({ dir: this.#o.port.dirId, edits: edits.length, version: state.version }, 'linked');
    }
    for (const ticket of tickets) {
      ticket.resolve();
    }
  }

  async #giveUp(tickets: readonly Ticket[], error: unknown): Promise<void> {
    const edits = tickets.flatMap((ticket) => [...ticket.edits, ...ticket.companions]);
    try {
      await this.#o.edits.drop(edits);
      // An answered edit that stood under the same name was overwritten in the store: back with it.
      await this.#o.edits.save(
        [...this.#unproved.values()].filter((old) => edits.some((edit) => samePlace(edit, old))),
      );
    } catch (dropError) {
      // They stay written down and are tried again by the next process: a refused change may still come true then.
      this.#o.log.error({ dir: this.#o.port.dirId, err: dropError }, 'refused edits could not be forgotten');
    }
    for (const ticket of tickets) {
      ticket.reject(error);
    }
  }

  async #write(todo: readonly Edit[], before: DirnodeState): Promise<DirnodeState> {
    const { port } = this.#o;
    const fresh = new Map<string, WantedChild>();
    const replaced = new Map<string, WantedChild>();
    const gone: string[] = [];
    for (const { name, want } of todo) {
      if (want === undefined) {
        gone.push(name);
      } else {
        (before.get(name) === undefined ? fresh : replaced).set(name, want);
      }
    }
    if (fresh.size > 0) {
      await port.link(fresh, false); // its own call: refused whole if a name was taken since we looked
    }
    if (replaced.size > 0) {
      await port.link(replaced, true);
    }
    for (const name of gone) {
      await port.unlink(name); // after the links, always: dying in between leaves two names, never none
    }
    const writes = Number(fresh.size > 0) + Number(replaced.size > 0) + gone.length;
    return await port.afterWrite({ before, edits: todo, writes });
  }

  /** Answered edits that the grid does not show and nobody else overtook. */
  #undone(state: DirnodeState): Edit[] {
    return [...this.#unproved.values()].filter((edit) => standingOf(edit, state.get(edit.name)) === 'open');
  }

  #withUndone(state: DirnodeState): DirnodeState {
    const undone = new Map(this.#undone(state).map((edit) => [edit.name, edit]));
    return {
      version: state.version,
      get: (name) => {
        const edit = undone.get(name);
        return edit ? edit.want : state.get(name);
      },
    };
  }

  /** One proof is due at a time: a directory that is always being written is proved all the same. */
  #proveLater(delayMs: number): void {
    if (!this.#proofTimer && !this.#stopping.signal.aborted) {
      this.#proofTimer = this.#o.clock.after(delayMs, () => {
        this.#proofTimer = undefined;
        void this.#prove();
      });
    }
  }

  async #prove(): Promise<void> {
    using _turn = await this.#turn.take();
    try {
      await this.#proveNow();
      this.#failedProofs = 0;
    } catch (error) {
      this.#failedProofs += 1;
      this.#o.log.warn({ dir: this.#o.port.dirId, err: error }, 'answered changes could not be checked yet');
      this.#proveLater(backoffMs(PROOF_RETRY, this.#failedProofs, this.#o.random()));
    }
  }

  /** Finds the unproved edits on the grid, writes again what was undone; returns those that others overtook. */
  async #proveNow(): Promise<readonly Edit[]> {
    if (this.#unproved.size === 0) {
      return [];
    }
    const state = await this.#o.port.refresh(true);
    const undone = this.#undone(state);
    const settled = [...this.#unproved.values()].filter(
      (edit) => !undone.includes(edit) && this.#isQuiet(edit.name),
    );
    const overtaken = settled.filter((edit) => standingOf(edit, state.get(edit.name)) === 'overtaken');
    if (overtaken.length > 0) {
      this.#o.log.info(
        { dir: this.#o.port.dirId, names: overtaken.map((edit) => edit.name) },
        'names that were written here have been changed by another writer since',
      );
    }
    await this.#o.edits.drop(settled);
    for (const edit of settled) {
      this.#unproved.delete(edit.name);
      this.#answeredAtMs.delete(edit.name);
    }
    if (undone.length > 0) {
      this.#o.log.warn(
        { dir: this.#o.port.dirId, edits: undone.length },
        'writing what another writer undid',
      );
      await this.#write(undone, state);
    }
    if (this.#unproved.size > 0) {
      this.#proveLater(QUIET_MS);
    }
    return overtaken;
  }

  /** Answered long enough ago that a writer who raced with it has ended. */
  #isQuiet(name: string): boolean {
    const sinceMs = this.#answeredAtMs.get(name);
    return sinceMs === undefined || this.#o.clock.monotonicMs() - sinceMs >= QUIET_MS;
  }
}

/**
 * Worth another look and another try. Where nothing had been sent the grid's client has tried again already; here it is
 * about writes of which nothing is known, or that somebody came before.
 */
function mayPass(error: unknown): boolean {
  return (
    hasCode(error, 'exists', 'race') ||
    (error instanceof FsError && isRetryable(error) && error.outcomeUnknown)
  );
}
