// Clients that change a tree at random: what each change does to the tree, and what it is to do to the model.
import assert from 'node:assert/strict';
import type { Tree } from '../../src/inode/tree.ts';
import { at, get, put } from '../inode/make-tree.ts';
import type { NotedModel } from './noted-model.ts';
import type { Outcome } from './tree-model.ts';

/** Each client has a directory of its own, in which it is alone while others work. */
export const HOMES: readonly string[] = ['/c0', '/c1', '/c2'];
const NAMES = ['a', 'b', 'ä', 'c d', 'e'];
const DEAD = { uri: 'urn:test', local: 'note' };

/** One change by a client: what it does to the tree, and what it is to do to the model. */
export interface Operation {
  readonly what: string;
  run(tree: Tree): Promise<unknown>;
  play(model: NotedModel): Outcome;
}

export class Clients {
  readonly #random: () => number;
  /** As it is before the next changes. */
  #model: NotedModel;

  constructor(random: () => number, model: NotedModel) {
    this.#random = random;
    this.#model = model;
  }

  /** Changes at the same time, of each client in its home; or one of them anywhere. */
  batch(model: NotedModel): readonly Operation[] {
    this.#model = model;
    return this.#random() < 0.5
      ? [this.#operation(() => this.#path(this.#pick([...HOMES, ''])))]
      : HOMES.filter(() => this.#random() < 0.6).map((home) => this.#operation(() => this.#path(home)));
  }

  #operation(path: () => string): Operation {
    const dice = this.#random();
    const [one, other] = [path(), path()];
    if (dice < 0.4) {
      return this.#put(one);
    }
    if (dice < 0.55) {
      return this.makeDirectory(one);
    }
    if (dice < 0.65) {
      return {
        what: `remove ${one}`,
        run: (tree) => tree.remove(at(one)),
        play: (model) => model.remove(one),
      };
    }
    if (dice < 0.88) {
      return this.#transfer(one, other);
    }
    if (dice < 0.94) {
      return this.#note(one);
    }
    return {
      what: `get ${one}`,
      run: async (tree) => {
        const content = await get(tree, one);
        assert.equal(content, this.#model.content(one), `get ${one}`);
      },
      play: (model) => model.look(one),
    };
  }

  #put(path: string): Operation {
    const content = `${Math.floor(this.#random() * 12)} `.repeat(1 + Math.floor(this.#random() ** 2 * 50));
    return {
      what: `put ${path} '${content.slice(0, 10)}' * ${content.length}`,
      run: (tree) => put(tree, path, content),
      play: (model) => model.put(path, content),
    };
  }

  makeDirectory(path: string): Operation {
    return {
      what: `mkdir ${path}`,
      run: (tree) => tree.makeDirectory(at(path)),
      play: (model) => model.makeDirectory(path),
    };
  }

  #transfer(from: string, to: string): Operation {
    const isMove = this.#random() < 0.6;
    const overwrite = this.#random() < 0.7;
    return {
      what: `${isMove ? 'move' : 'copy'} ${from} to ${to}${overwrite ? ', overwriting' : ''}`,
      run: (tree) => tree[isMove ? 'move' : 'copy'](at(from), at(to), { overwrite }),
      play: (model) => model.transfer(from, to, isMove, overwrite),
    };
  }

  #note(path: string): Operation {
    const note = String(Math.floor(this.#random() * 1_000));
    return {
      what: `note ${note} at ${path}`,
      run: (tree) => tree.setProperties(at(path), () => ({ deadProperties: [{ ...DEAD, xml: note }] })),
      play: (model) => model.note(path, note),
    };
  }

  /** Mostly in a directory that is there, often of something that is there. */
  #path(home: string): string {
    const inHome = [...this.#model.entries.keys()].filter((path) => path.startsWith(`${home}/`));
    if (this.#random() < 0.4 && inHome.length > 1) {
      const path = this.#pick(inHome).replace(/\/$/, '');
      return path === home ? `${path}/${this.#pick(NAMES)}` : path;
    }
    const directories = inHome.filter((path) => path.endsWith('/') && path.split('/').length < 7);
    const above =
      this.#random() < 0.1 ? `${home}/${this.#pick(NAMES)}/` : this.#pick([...directories, `${home}/`]);
    return above + this.#pick(NAMES);
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T;
  }
}

/** Every outcome that a kill may have left of changes that do not touch each other. */
export function possibleModels(
  model: NotedModel,
  operations: readonly Operation[],
  said: readonly (Outcome | undefined)[],
): readonly NotedModel[] {
  let models = [model];
  for (const [index, operation] of operations.entries()) {
    const done = models.map((before) => {
      const after = before.clone();
      operation.play(after);
      return after;
    });
    if (said[index] === undefined) {
      models.push(...done);
    } else if (said[index] === 'done') {
      models = done;
    }
  }
  return models;
}
