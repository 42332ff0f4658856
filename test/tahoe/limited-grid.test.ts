import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { yieldToLoop } from '../../src/base/clock.ts';
import { litCapOf } from '../../src/tahoe/caps.ts';
import type { CheckResult, Grid, Listing } from '../../src/tahoe/grid.ts';
import { LimitedGrid } from '../../src/tahoe/limited-grid.ts';
import { MemoryGrid } from '../fakes/memory-grid.ts';

const cap = litCapOf(Buffer.from('hello'));

/** A grid whose calls wait until they are let go, and which counts them. */
class WaitingGrid extends MemoryGrid {
  readonly running: string[] = [];
  #letGo: Array<() => void> = [];

  async #wait(what: string): Promise<void> {
    this.running.push(what);
    await new Promise<void>((resolve) => this.#letGo.push(resolve));
    this.running.splice(this.running.indexOf(what), 1);
  }

  override async list(): Promise<Listing> {
    await this.#wait('list');
    return { writeCap: undefined, readCap: cap, children: new Map() };
  }

  override async check(): Promise<CheckResult> {
    await this.#wait('check');
    return { versions: [], isHealthy: true, isRecoverable: true };
  }

  override async upload(): Promise<string> {
    await this.#wait('upload');
    return cap;
  }

  override async unlink(): Promise<boolean> {
    await this.#wait('unlink');
    return true;
  }

  count(what: string): number {
    return this.running.filter((each) => each === what).length;
  }

  async letAllGo(calls: ReadonlyArray<Promise<unknown>>): Promise<void> {
    const all = Promise.all(calls);
    let isDone = false;
    void all.finally(() => {
      isDone = true;
    });
    while (!isDone) {
      this.#letGo.shift()?.();
      await yieldToLoop();
    }
    await all;
  }
}

const times = <T>(count: number, call: () => Promise<T>): Array<Promise<T>> =>
  Array.from({ length: count }, call);

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i += 1) {
    await yieldToLoop();
  }
}

describe('LimitedGrid', () => {
  test('leaves a place for a question whatever else runs, and for a listing beside downloads', async () => {
    const inner = new WaitingGrid();
    const grid = new LimitedGrid(inner, 10); // 5 for reads
    const downloads = times(8, () => grid.read(cap, { start: 0, end: 5 }));
    const open = await Promise.all(downloads.slice(0, 3));
    const lists = times(4, () => grid.list(cap));
    await settle();
    assert.equal(inner.count('list'), 1);
    const checks = times(4, () => grid.check(cap));
    await settle();
    assert.equal(inner.count('check'), 1);
    for (const stream of open) {
      stream.destroy();
    }
    for (const later of downloads.slice(3)) {
      void later.then((stream) => stream.destroy());
    }
    await inner.letAllGo([...lists, ...checks, ...downloads]);
  });

  test('leaves a place for a link whatever else is written, and for a small upload beside streams', async () => {
    const inner = new WaitingGrid();
    const grid = new LimitedGrid(inner, 10); // 5 for writes
    const streams = times(9, () => grid.upload({ stream: Readable.from([]), sizeBytes: 100 }));
    await settle();
    assert.equal(inner.count('upload'), 3);
    const small = times(9, () => grid.upload({ bytes: Buffer.alloc(100) }));
    await settle();
    assert.equal(inner.count('upload'), 4);
    const links = times(9, () => grid.unlink(cap, 'x'));
    await settle();
    assert.equal(inner.count('unlink'), 1);
    await inner.letAllGo([...streams, ...small, ...links]);
  });

  test('lets everything through one after the other where one connection is all', async () => {
    const inner = new WaitingGrid();
    const grid: Grid = new LimitedGrid(inner, 1);
    const calls = [...times(3, () => grid.list(cap)), ...times(3, () => grid.check(cap))];
    await settle();
    assert.equal(inner.running.length, 1);
    await inner.letAllGo(calls);
  });

  test('holds the place of a download until its stream is closed', async () => {
    const grid = new LimitedGrid(new MemoryGrid(), 1);
    const first = await grid.read(cap, { start: 0, end: 5 });
    let isSecondOpen = false;
    const second = grid.read(cap, { start: 0, end: 5 }).then((stream) => {
      isSecondOpen = true;
      return buffer(stream);
    });
    await settle();
    assert.equal(isSecondOpen, false);
    await buffer(first);
    assert.equal((await second).toString(), 'hello');
  });

  test('gives the place back when a call fails', async () => {
    const grid = new LimitedGrid(new MemoryGrid(), 1);
    for (let i = 0; i < 3; i += 1) {
      await assert.rejects(grid.read('nonsense', { start: 0, end: 1 }), { code: 'bad-cap' });
      await assert.rejects(grid.list('nonsense'), { code: 'bad-cap' });
    }
  });

  test('lets go of a body whose turn never came', async () => {
    const inner = new WaitingGrid();
    const grid = new LimitedGrid(inner, 1);
    const first = grid.upload({ bytes: Buffer.alloc(1) });
    const gone = new AbortController();
    const stream = new Readable({ read: () => undefined });
    const second = grid.upload({ stream, sizeBytes: 5 }, gone.signal);
    gone.abort();
    await assert.rejects(second, { code: 'aborted' });
    assert.equal(stream.destroyed, true);
    await inner.letAllGo([first]);
  });
});
