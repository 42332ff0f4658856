// The one writer of one dirnode. Changes that wait together are written together: re-read, decide, write the edits
// down, one set_children, unlink, see that the version is ours. Nothing is answered before the grid has taken it.
//
// Two gateways that write one dirnode at the same moment can both be told 200 while one's entries are lost, and a look
// right after the write still shows them. So what was answered stays an edit as long as such a writer may still come
// (unproved.ts); what one undid is written again. (Left out for a sole writer.)
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { FsError, hasCode, isRetryable } from '../base/errors.ts';
import { Limiter } from '../base/limiter.ts';
import type { Logger } from '../base/log.ts';
import { basesOf, type Edit, fingerprint, samePlace, standingOf, type WantedChild } from './edit.ts';
import type { EditStore } from './edit-store.ts';
import { type DirnodeState, Unproved } from './unproved.ts';

/** What was sent in one go, and answered with success. */
export interface SentWrite {
  readonly before: DirnodeState;
  readonly edits: readonly Edit[];
  /** How many times the dirnode was written. */
  readonly writes: number;
}

/** The dirnode, as its writer needs it. Only `refresh` is called while another call runs. */
export interface DirnodePort {
  readonly dirId: string;
  readonly dirWriteCap: string;
  /** The state now, asked of the grid. `isProof`: every child was read, none is there because we wrote it. */
  refresh(isProof: boolean): Promise<DirnodeState>;
  /** Links all or nothing; `exists` when one is there and `mayReplace` is false. */
  link(children: ReadonlyMap<string, WantedChild>, mayReplace: boolean): Promise<void>;
  unlink(name: string): Promise<void>;
  /** Whether nobody else has written it since `before`, after which we wrote it `writes` times; true where that can't be told. */
  isAlone(before: DirnodeState, writes: number): Promise<boolean>;
  /** The state after `sent`, as far as can be told now; becomes what readers see. */
  afterWrite(sent: SentWrite): Promise<DirnodeState>;
  /** These are to be answered. Where they could not be read back, readers see them all the same from now on. */
  answered(edits: readonly Edit[], wereRead: boolean): void;
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
  /**
   * This change is the second half of one whose first half stands, written down with it: if the grid is away now it is
   * answered all the same, and done later.
   */
  readonly owed?: readonly Edit[];
  /** This change was refused because the grid did not answer, and then it was found to have been done after all. */
  doneAfterAll?(): Promise<void>;
}

export interface DirnodeWriterOptions {
  readonly port: DirnodePort;
  readonly edits: EditStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** How often a write is tried again before the change is refused. */
  readonly retries: number;
  /** No other node writes this tree: the looks after the answer are left out. */
  readonly isSoleWriter: boolean;
  /** How many writers may look after answered edits at once: clients' calls come first. */
  readonly looks: Limiter;
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
  /** How much of the edits the grid is known to have done. */
  done: 'nothing' | 'links' | 'all';
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

// A set_children of some hundreds costs what one of one child costs, and a bad child spoils only its batch.
const MAX_BATCH = 400;
/** How often others may come first, beyond the tries after failures, before a change is refused. */
const MAX_OVERTAKEN = 10;
const RETRY: BackoffPolicy = { baseMs: 100, capMs: 2_000 };
/** Looks never follow each other faster. */
const LOOK_PAUSE_MS = 1_000;
/** Nothing is removed by a look that is older, or that was before a link. */
const LOOK_MAX_AGE_MS = 1_000;
/** Looks are retried for ever: what was answered must not be given up while the grid is away. */
const LOOK_RETRY: BackoffPolicy = { baseMs: 2_000, capMs: 20_000 };

export class DirnodeWriter {
  readonly #o: DirnodeWriterOptions;
  readonly #turn = new Limiter(1);
  #waiting: Ticket[] = [];
  readonly #unproved: Unproved;
  /** Refused, and nobody knows whether the grid has done it or still will. */
  #doubtful: Ticket[] = [];
  /** Fingerprints of what such changes may have put at a name. */
  readonly #tried = new Map<string, readonly string[]>();
  #timer: { readonly atMs: number; readonly timer: Disposable } | undefined;
  #failedLooks = 0;
  /** How many have begun. */
  #rounds = 0;
  readonly #stopping = new AbortController();

  constructor(options: DirnodeWriterOptions) {
    this.#o = options;
    this.#unproved = new Unproved(options.isSoleWriter);
  }

  /** True when nothing waits, runs or is still to be proved. */
  get isIdle(): boolean {
    const isSettled = this.#unproved.size === 0 && this.#doubtful.length === 0;
    return this.#turn.isIdle && this.#waiting.length === 0 && isSettled;
  }

  /** What readers must see over a listing: answered edits that a racing writer has undone in it. */
  undone(state: DirnodeState): readonly Edit[] {
    return this.#unproved.size === 0 ? [] : this.#unproved.undone(state);
  }

  /**
   * Makes a change. Resolves when the grid has it; rejects with what `decide` threw or what the grid said, and then
   * nothing of it is there (or, where the grid never answered, all of it may be).
   */
  async change(change: DirnodeChange, signal?: AbortSignal): Promise<void> {
    // Whoever asks for these names now has heard of the refusal, and decides anew.
    this.#doubtful = this.#doubtful.filter((old) => !sharesName(old.change, change));
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ change, signal, edits: [], companions: [], done: 'nothing', resolve, reject });
    });
    void this.#runWaiting();
    await done;
  }

  /**
   * Takes over edits of an earlier process: until the grid can be asked they are shown, then they are written, or
   * dropped where it has moved on. Returns the dropped ones; waits as long as it takes, rejects only when stopped.
   */
  async adopt(edits: readonly Edit[]): Promise<readonly Edit[]> {
    this.#add(edits.filter((edit) => this.#unproved.get(edit.name) === undefined));
    for (let attempt = 1; ; attempt += 1) {
      try {
        const overtaken = await this.#look();
        return overtaken.filter((edit) => edits.includes(edit));
      } catch (error) {
        if (this.#stopping.signal.aborted) {
          throw error;
        }
        this.#o.log.warn({ dir: this.#o.port.dirId, err: error }, 'changes of an earlier run still wait');
        await this.#o.clock.sleep(backoffMs(LOOK_RETRY, attempt, this.#o.random()), this.#stopping.signal);
      }
    }
  }

  /** Carries out edits whose other half stands, unless somebody has taken up the names since. */
  async owe(edits: readonly Edit[]): Promise<void> {
    const names = new Set(this.#waiting.flatMap((ticket) => ticket.change.names));
    const owed = edits.filter((edit) => !names.has(edit.name) && this.#unproved.get(edit.name) === undefined);
    await this.#o.edits.save(owed);
    this.#add(owed);
    this.lookSoon();
  }

  /** Waits for what runs; edits that are not proved stay in the store for the next process. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#timer?.timer[Symbol.dispose]();
    using _turn = await this.#turn.take();
  }

  async #runWaiting(): Promise<void> {
    using _turn = await this.#turn.take();
    const tickets = this.#takeBatch();
    if (tickets.length > 0) {
      this.#rounds += 1;
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
          await this.#giveUp(round, error);
          return;
        }
      }
    }
    await this.#giveUp(round, new FsError('race', 'another writer of this directory always came first'));
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
    const todo = [...edits, ...this.undone(state).filter((edit) => !names.has(edit.name))].filter(
      (edit) => standingOf(edit, state.get(edit.name)) === 'open',
    );
    await this.#o.edits.save(round.open.flatMap((ticket) => [...ticket.edits, ...ticket.companions]));
    round.wasSent = true;
    round.state = await this.#write(todo, state, round.open);
    return false;
  }

  /** Decides what is undecided, answers what is done; returns the tickets that still need the grid. */
  async #settle(tickets: readonly Ticket[], state: DirnodeState): Promise<Ticket[]> {
    const open: Ticket[] = [];
    const finished: Ticket[] = [];
    const refused: (() => void)[] = [];
    const refuse = (ticket: Ticket, error: unknown): void => {
      refused.push(() => ticket.reject(error));
    };
    for (const ticket of tickets) {
      const standings = ticket.edits.map((edit) => standingOf(edit, state.get(edit.name)));
      if (ticket.edits.length > 0 && standings.every((standing) => standing === 'done')) {
        finished.push(ticket);
      } else if (standings.includes('done') && !standings.includes('open')) {
        // The link of a move stands, and somebody put something else at the old name: theirs stays.
        finished.push(ticket);
      } else if (!standings.includes('open') && this.#decide(ticket, state, refuse)) {
        (ticket.edits.length > 0 ? open : finished).push(ticket);
      } else if (standings.includes('open')) {
        open.push(ticket);
      }
    }
    if (finished.length > 0 || refused.length > 0) {
      const isOpen = new Set(open.flatMap(({ edits }) => edits.map(({ name }) => name)));
      const names = tickets.flatMap(({ change }) => change.names).filter((name) => !isOpen.has(name));
      // Whoever is told now how a name stands must not find after a crash that an older edit of it is written again.
      await this.#forget(this.#unproved.overtaken(names, state));
    }
    for (const reject of refused) {
      reject();
    }
    await this.#answer(finished, state);
    return open;
  }

  /** False when the ticket is to be refused. */
  #decide(ticket: Ticket, state: DirnodeState, refuse: (ticket: Ticket, error: unknown) => void): boolean {
    const { dirId, dirWriteCap } = this.#o.port;
    try {
      const decision = ticket.change.decide(this.#withUndone(state));
      ticket.edits = decision.wants.map(({ name, want }) => {
        const old = this.#unproved.get(name);
        const ours = [
          ...(old ? [...old.bases, fingerprint(old.want)] : []),
          ...(this.#tried.get(name) ?? []),
        ];
        return { dirId, name, dirWriteCap, want, bases: basesOf([...ours, fingerprint(state.get(name))]) };
      });
      ticket.companions = decision.companions ?? [];
      ticket.done = 'nothing';
      return true;
    } catch (error) {
      refuse(ticket, error);
      return false;
    }
  }

  async #answer(tickets: readonly Ticket[], state: DirnodeState): Promise<void> {
    const edits = tickets.flatMap((ticket) => ticket.edits);
    this.#add(edits, state);
    this.#o.port.answered(edits, true);
    if (this.#o.isSoleWriter) {
      await this.#forget(edits);
    }
    this.#lookLater(LOOK_PAUSE_MS);
    if (edits.length > 0) {
      this.#o.log.debug({ dir: this.#o.port.dirId, edits: edits.length, version: state.version }, 'linked');
    }
    // An owed edit that somebody else's change has made pointless must not be found by the next process.
    const owed = tickets.flatMap((ticket) => ticket.change.owed ?? []);
    await this.#drop(owed.filter((one) => !edits.some((edit) => samePlace(edit, one))));
    for (const ticket of tickets) {
      ticket.resolve();
    }
  }

  /** Refuses the tickets, but for those that the grid has done already or that are owed. */
  async #giveUp({ open, wasSent }: Round, error: unknown): Promise<void> {
    const kept = open.filter((ticket) => stands(ticket, error));
    const refused = open.filter((ticket) => !kept.includes(ticket));
    for (const ticket of kept) {
      this.#keep(ticket);
    }
    try {
      await this.#drop(refused.flatMap((ticket) => [...ticket.edits, ...ticket.companions]));
    } catch (storeError) {
      // They stay written down and are tried again by the next process: a refused change may still come true then.
      this.#o.log.error({ dir: this.#o.port.dirId, err: storeError }, 'refused edits could not be forgotten');
    }
    if (wasSent && isRetryable(error)) {
      this.#doubt(refused);
    }
    for (const ticket of refused) {
      ticket.reject(error);
    }
  }

  /** Answers a change whose edits are written down and that the grid has done, in full or in half. */
  #keep(ticket: Ticket): void {
    this.#o.log.info(
      { dir: this.#o.port.dirId },
      'the grid went away during a change that stands: it is answered',
    );
    const edits = ticket.edits.length > 0 ? ticket.edits : (ticket.change.owed ?? []);
    this.#add(edits);
    this.#o.port.answered(edits, false);
    this.#lookLater(backoffMs(LOOK_RETRY, 1, this.#o.random()));
    ticket.resolve();
  }

  /** Of these nobody knows: what they tried is known again when it comes, and a half of a move gets its other half. */
  #doubt(tickets: readonly Ticket[]): void {
    for (const ticket of tickets) {
      for (const { name, want } of ticket.edits) {
        this.#tried.set(name, basesOf([...(this.#tried.get(name) ?? []), fingerprint(want)]));
      }
      if (ticket.edits.length + ticket.companions.length > 1) {
        this.#doubtful.push(ticket);
        this.#lookLater(backoffMs(LOOK_RETRY, 1, this.#o.random()));
      }
    }
  }

  /** Moves that were refused and whose link is found now get their unlink; the others are forgotten. */
  async #resolveDoubts(state: DirnodeState): Promise<void> {
    for (const ticket of this.#doubtful.splice(0)) {
      const links = ticket.edits.filter((edit) => edit.want !== undefined);
      if (links.every((edit) => standingOf(edit, state.get(edit.name)) === 'done')) {
        await this.owe(ticket.edits.filter((edit) => edit.want === undefined));
        await ticket.change.doneAfterAll?.();
      }
    }
  }

  #add(edits: readonly Edit[], state?: DirnodeState): void {
    this.#unproved.add(edits, state, this.#o.clock.monotonicMs());
  }

  /** Takes edits out of the store and out of mind. */
  async #forget(edits: readonly Edit[]): Promise<void> {
    this.#unproved.remove(edits);
    for (const edit of edits) {
      this.#tried.delete(edit.name);
    }
    await this.#drop(edits);
  }

  /** Takes edits out of the store; an answered one that stood there under the same name comes back. */
  async #drop(edits: readonly Edit[]): Promise<void> {
    await this.#o.edits.drop(edits);
    const { dirId } = this.#o.port;
    const hidden = edits.flatMap((edit) =>
      edit.dirId === dirId ? (this.#unproved.get(edit.name) ?? []) : [],
    );
    await this.#o.edits.save(hidden);
  }

  async #write(
    todo: readonly Edit[],
    before: DirnodeState,
    tickets: readonly Ticket[] = [],
  ): Promise<DirnodeState> {
    const { port, clock, isSoleWriter } = this.#o;
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
    const note = (done: Ticket['done']): void => {
      for (const ticket of tickets) {
        ticket.done = done;
      }
    };
    if (replaced.size > 0) {
      await port.link(replaced, true); // first: nothing guards what somebody else puts there after we looked
    }
    if (fresh.size > 0) {
      await port.link(fresh, false); // its own call: refused whole if a name was taken since then
    }
    note('links');
    let writes = Number(fresh.size > 0) + Number(replaced.size > 0);
    let lookedAtMs = writes > 0 ? Number.NEGATIVE_INFINITY : clock.monotonicMs();
    for (const name of gone) {
      if (!isSoleWriter && clock.monotonicMs() - lookedAtMs > LOOK_MAX_AGE_MS) {
        if (!(await port.isAlone(before, writes))) {
          return await port.refresh(false); // nothing guards an unlink: what stands there now may be somebody else's
        }
        lookedAtMs = clock.monotonicMs();
      }
      await port.unlink(name); // after the links, always: dying in between leaves two names, never none
      writes += 1;
    }
    note('all');
    this.#unproved.rewritten(todo, before, clock.monotonicMs());
    return await port.afterWrite({ before, edits: todo, writes });
  }

  #withUndone(state: DirnodeState): DirnodeState {
    const undone = new Map(this.undone(state).map((edit) => [edit.name, edit]));
    const get: DirnodeState['get'] = (name) => {
      const edit = undone.get(name);
      return edit ? edit.want : state.get(name);
    };
    return undone.size === 0 ? state : { ...state, get };
  }

  /** The listing was found rolled back: what is undone is written again now, not when it would be looked for. */
  lookSoon(): void {
    if (this.#unproved.size > 0) {
      this.#lookAt(this.#o.clock.monotonicMs());
    }
  }

  /** Looks when the next look is due, in `delayMs` at the soonest. */
  #lookLater(delayMs: number): void {
    const soonestMs = this.#o.clock.monotonicMs() + delayMs;
    if (this.#timer && this.#timer.atMs <= soonestMs) {
      return; // a directory that is always being written is looked at all the same
    }
    const dueMs = this.#doubtful.length > 0 ? soonestMs : this.#unproved.nextLookAtMs();
    if (dueMs !== undefined) {
      this.#lookAt(Math.max(dueMs, soonestMs));
    }
  }

  #lookAt(atMs: number): void {
    if (this.#stopping.signal.aborted || (this.#timer && this.#timer.atMs <= atMs)) {
      return;
    }
    this.#timer?.timer[Symbol.dispose]();
    const timer = this.#o.clock.after(atMs - this.#o.clock.monotonicMs(), () => {
      this.#timer = undefined;
      void this.#lookAgain();
    });
    this.#timer = { atMs, timer };
  }

  async #lookAgain(): Promise<void> {
    try {
      await this.#look();
      this.#failedLooks = 0;
    } catch (error) {
      if (this.#stopping.signal.aborted) {
        return;
      }
      this.#failedLooks += 1;
      this.#o.log.warn({ dir: this.#o.port.dirId, err: error }, 'answered changes could not be checked yet');
      this.#lookLater(backoffMs(LOOK_RETRY, this.#failedLooks, this.#o.random()));
    }
  }

  /** Finds the unproved edits on the grid, writes again what was undone; returns those that others overtook. */
  async #look(): Promise<readonly Edit[]> {
    const { log, port, clock } = this.#o;
    using _place = await this.#o.looks.take(this.#stopping.signal);
    if (this.#unproved.size === 0 && this.#doubtful.length === 0) {
      return [];
    }
    // A hung grid is waited for before it is our turn: changes that come meanwhile must not wait behind that too.
    const wasIdle = this.#turn.isIdle;
    const rounds = this.#rounds;
    const before = await port.refresh(true);
    using _turn = await this.#turn.take(this.#stopping.signal);
    const state = wasIdle && rounds === this.#rounds ? before : await port.refresh(true);
    await this.#resolveDoubts(state);
    const { proved, overtaken, undone } = this.#unproved.look(state, clock.monotonicMs());
    if (overtaken.length > 0) {
      const names = overtaken.map((edit) => edit.name);
      log.info(
        { dir: port.dirId, names },
        'names that were written here have been changed by another writer since',
      );
    }
    await this.#forget([...proved, ...overtaken]);
    if (undone.length > 0) {
      log.warn({ dir: port.dirId, edits: undone.length }, 'writing what another writer undid');
      await this.#write(undone, state);
    }
    this.#lookLater(LOOK_PAUSE_MS);
    return overtaken;
  }
}

function sharesName(one: DirnodeChange, other: DirnodeChange): boolean {
  return one.names.some((name) => other.names.includes(name));
}

/** The grid has done it, or so much that the rest must follow: answered even if the grid is away now. */
function stands(ticket: Ticket, error: unknown): boolean {
  const hasLink = ticket.edits.some((edit) => edit.want !== undefined);
  return (
    ticket.done === 'all' ||
    (isRetryable(error) && (ticket.change.owed !== undefined || (ticket.done === 'links' && hasLink)))
  );
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
