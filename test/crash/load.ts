// Clients that change files as fast as they can and note what they were answered, so that after a crash every path
// can be told: what must be there, or which of two states it may be in.
import type { DavClient } from '../server/dav-client.ts';

/** States a path may be in: content, or undefined for absent. */
type States = ReadonlyArray<string | undefined>;

const FILES = 6;

export class Worker {
  readonly #client: DavClient;
  readonly #folder: string;
  readonly #random: () => number;
  readonly #prefix: string;
  /** What was answered. */
  readonly #known = new Map<string, string | undefined>();
  /**
   * What requests that got no answer, or a refusal, may have made of a path: a refusal of a grid that went away says
   * nothing of whether it had done it.
   */
  readonly #open = new Map<string, States>();
  answered = 0;

  /** Its files are called `prefix` and a number: several workers may share a folder. */
  constructor(client: DavClient, folder: string, random: () => number, prefix = 'f') {
    this.#client = client;
    this.#folder = folder;
    this.#random = random;
    this.#prefix = prefix;
  }

  /** Makes changes, one after the other, until the server is gone or it is told to stop. */
  async run(stop?: AbortSignal): Promise<void> {
    while (!stop?.aborted) {
      const { states, send } = this.#pick();
      for (const [path, possible] of states) {
        this.#open.set(path, [...this.#possible(path), ...possible]);
      }
      try {
        if ((await send()) >= 300) {
          continue;
        }
      } catch {
        return;
      }
      for (const [path, possible] of states) {
        this.#known.set(path, possible.at(-1));
        this.#open.delete(path);
      }
      this.answered += 1;
    }
  }

  /** Takes what is found for what is there from now on: after `faults` found none, a doubt is one no longer. */
  async settle(look: (path: string) => Promise<string | undefined>): Promise<void> {
    for (const path of [...this.#open.keys()]) {
      this.#known.set(path, await look(path));
      this.#open.delete(path);
    }
  }

  /** Lines about what is not as it must be. `look` gives the content, or undefined. */
  async faults(look: (path: string) => Promise<string | undefined>): Promise<string[]> {
    const faults: string[] = [];
    for (const path of new Set([...this.#known.keys(), ...this.#open.keys()])) {
      const found = await look(path);
      if (!this.#possible(path).includes(found)) {
        faults.push(`${path} is ${show(found)}, expected ${this.#possible(path).map(show).join(' or ')}`);
      }
    }
    return faults;
  }

  #possible(path: string): States {
    return this.#open.get(path) ?? [this.#known.get(path)];
  }

  #pick(): { readonly states: ReadonlyMap<string, States>; send(): Promise<number> } {
    const path = this.#path();
    const old = this.#known.get(path);
    const kind = this.#random();
    if (kind < 0.55 || old === undefined || this.#open.has(path)) {
      const content = `${path} ${this.answered} ${'x'.repeat(Math.floor(this.#random() ** 3 * 300_000))}`;
      return { states: new Map([[path, [old, content]]]), send: () => this.#client.put(path, content) };
    }
    if (kind < 0.7) {
      return { states: new Map([[path, [old, undefined]]]), send: () => this.#client.remove(path) };
    }
    let to = this.#path();
    while (to === path) {
      to = this.#path();
    }
    const isMove = kind < 0.9;
    return {
      states: new Map([
        ...(isMove ? [[path, [old, undefined]] as const] : []),
        [to, [this.#known.get(to), old]] as const,
      ]),
      send: () => this.#client.transfer(isMove ? 'MOVE' : 'COPY', path, to),
    };
  }

  #path(): string {
    return `${this.#folder}/${this.#prefix}${Math.floor(this.#random() * FILES)}`;
  }
}

/** Changes the same few names as others do: what is there then is whole, as somebody has put it. */
export class Crowd {
  readonly #client: DavClient;
  readonly #folder: string;
  readonly #random: () => number;
  readonly #put = new Set<string>();

  constructor(client: DavClient, folder: string, random: () => number) {
    this.#client = client;
    this.#folder = folder;
    this.#random = random;
  }

  /** `count` clients at once, until the server is gone. */
  async run(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, who) => this.#runOne(who)));
  }

  async faults(look: (path: string) => Promise<string | undefined>): Promise<string[]> {
    const faults: string[] = [];
    for (let name = 0; name < CROWD_FILES; name += 1) {
      const found = await look(`${this.#folder}/${name}`);
      if (found !== undefined && !this.#put.has(found)) {
        faults.push(`${this.#folder}/${name} is ${show(found)}, which nobody has put`);
      }
    }
    return faults;
  }

  async #runOne(who: number): Promise<void> {
    for (let count = 0; ; count += 1) {
      const path = this.#path();
      const kind = this.#random();
      try {
        if (kind < 0.6) {
          const content = `${who} ${count} ${'y'.repeat(Math.floor(this.#random() ** 3 * 300_000))}`;
          this.#put.add(content);
          await this.#client.put(path, content);
        } else if (kind < 0.75) {
          await this.#client.remove(path);
        } else {
          await this.#client.transfer(kind < 0.9 ? 'MOVE' : 'COPY', path, this.#path());
        }
      } catch {
        return;
      }
    }
  }

  #path(): string {
    return `${this.#folder}/${Math.floor(this.#random() * CROWD_FILES)}`;
  }
}

const CROWD_FILES = 3;

function show(content: string | undefined): string {
  return content === undefined ? 'absent' : `${JSON.stringify(content.slice(0, 30))} (${content.length})`;
}

/** Numbers in [0, 1) that depend on the seed alone. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
