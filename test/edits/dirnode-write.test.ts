import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
import { Limiter } from '../../src/base/limiter.ts';
import { createLogger } from '../../src/base/log.ts';
import type { DirnodePort, SentWrite } from '../../src/edits/dirnode-write.ts';
import { DirnodeWriter } from '../../src/edits/dirnode-write.ts';
import { type Edit, fingerprint, type SeenChild, type WantedChild } from '../../src/edits/edit.ts';
import { EditStore } from '../../src/edits/edit-store.ts';
import { SealedRecords } from '../../src/edits/sealed-records.ts';
import type { DirnodeState } from '../../src/edits/unproved.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { plainCodec } from '../fakes/plain-codec.ts';

const silent = createLogger('silent', 'json', () => undefined);

function child(cap: string, token?: string): SeenChild {
  return { kind: 'file', writeCap: undefined, readCap: cap, metadata: {}, token };
}

function wanted(cap: string): WantedChild {
  return { kind: 'file', writeCap: undefined, readCap: cap, metadata: {}, token: `token of ${cap}` };
}

/** A dirnode on a grid of one, with a hand for whoever interferes. */
class FakeDirnode implements DirnodePort {
  readonly dirId = 'dir';
  readonly dirWriteCap = 'write cap';
  readonly children = new Map<string, SeenChild>();
  readonly calls: string[] = [];
  /** Names that were answered and not read back. */
  readonly unread: string[] = [];
  seq = 1;
  rollbacks = 0;
  /** Run once before (or after) the next call of that name; may throw. */
  readonly before = new Map<string, () => void>();
  readonly after = new Map<string, () => void>();

  async refresh(): Promise<DirnodeState> {
    return this.#call('refresh', () => this.#state());
  }

  async link(children: ReadonlyMap<string, WantedChild>, mayReplace: boolean): Promise<void> {
    this.#call(`link ${[...children.keys()].join(',')}`, () => {
      if (!mayReplace && [...children.keys()].some((name) => this.children.has(name))) {
        throw new FsError('exists', 'there was already a child by that name');
      }
      for (const [name, want] of children) {
        this.children.set(name, want);
      }
      this.seq += 1;
    });
  }

  async unlink(name: string): Promise<void> {
    this.#call(`unlink ${name}`, () => {
      this.children.delete(name);
      this.seq += 1;
    });
  }

  async isAlone({ version }: DirnodeState, writes: number): Promise<boolean> {
    return this.#call('isAlone', () => version === `seq${this.seq - writes}-aaaa`);
  }

  async afterWrite(_sent: SentWrite): Promise<DirnodeState> {
    return this.#call('afterWrite', () => this.#state());
  }

  answered(edits: readonly Edit[], wereRead: boolean): void {
    if (!wereRead) {
      this.unread.push(...edits.map(({ name }) => name));
    }
  }

  #state(): DirnodeState {
    const children = new Map(this.children);
    const { seq, rollbacks } = this;
    return { version: `seq${seq}-aaaa`, rollbacks, get: (name) => children.get(name) };
  }

  /** As a node does that lost a race for the empty dirnode: its one child over all there is. */
  writeOver(name: string, theirs: SeenChild): void {
    this.children.clear();
    this.children.set(name, theirs);
    this.seq += 1;
    this.rollbacks += 1;
  }

  /** From now on each such call fails, until `before` is cleared. */
  failEach(verb: string, error: Error): void {
    this.before.set(verb, () => {
      this.failEach(verb, error);
      throw error;
    });
  }

  #call<T>(name: string, run: () => T): T {
    this.calls.push(name);
    const verb = name.split(' ')[0] ?? '';
    this.#hook(this.before, verb);
    const result = run();
    this.#hook(this.after, verb);
    return result;
  }

  #hook(hooks: Map<string, () => void>, verb: string): void {
    const hook = hooks.get(verb);
    hooks.delete(verb);
    hook?.();
  }
}

function setUp({ isSoleWriter = false, retries = 3 } = {}) {
  const store = new MapMetaStore();
  const edits = new EditStore(new SealedRecords(store, plainCodec));
  const clock = new ManualClock();
  const port = new FakeDirnode();
  const writer = new DirnodeWriter({
    port,
    edits,
    clock,
    log: silent,
    random: () => 0.5,
    retries,
    isSoleWriter,
    looks: new Limiter(2),
  });
  const put = (name: string, cap: string): Promise<void> =>
    writer.change({ names: [name], decide: () => ({ wants: [{ name, want: wanted(cap) }] }) });
  const remove = (name: string): Promise<void> =>
    writer.change({ names: [name], decide: () => ({ wants: [{ name, want: undefined }] }) });
  const rename = (from: string, to: string, cap: string): Promise<void> =>
    writer.change({
      names: [from, to],
      decide: () => ({
        wants: [
          { name: to, want: wanted(cap) },
          { name: from, want: undefined },
        ],
      }),
    });
  return { store, edits, clock, port, writer, put, remove, rename };
}

/** After this nothing that was answered is looked for any more. */
const FORGOTTEN_MS = 60_000;

/** Waits for `promise` while time goes on. */
async function passing<T>(clock: ManualClock, promise: Promise<T>, ms = 20_000): Promise<T> {
  const settled = promise.then(
    () => undefined,
    () => undefined,
  );
  await clock.advance(ms);
  await settled;
  return promise;
}

describe('DirnodeWriter', () => {
  test('has the grid hold a change before it answers', async () => {
    const { port, put } = setUp();
    await put('a', 'A');
    assert.equal(port.children.get('a')?.readCap, 'A');
  });

  test('writes the edit down before the grid is asked to link it', async () => {
    const { port, put, store } = setUp();
    let atLink: string[] = [];
    port.before.set('link', () => {
      atLink = [...store.records.keys()];
    });
    await put('a', 'A');
    assert.deepEqual(atLink, ['edit/dir/a']);
  });

  test('writes changes that wait together in one set_children', async () => {
    const { port, put } = setUp();
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => put(name, name.toUpperCase())));
    assert.deepEqual(
      port.calls.filter((call) => call.startsWith('link')),
      ['link a,b,c,d'],
    );
  });

  test('writes changes of one name one after the other', async () => {
    const { port, put } = setUp();
    await Promise.all([put('x', '0'), put('a', '1'), put('a', '2'), put('a', '3')]);
    assert.equal(port.children.get('a')?.readCap, '3');
  });

  test('links before it unlinks', async () => {
    const { port, writer } = setUp();
    port.children.set('old', child('A'));
    await writer.change({
      names: ['old', 'new'],
      decide: () => ({
        wants: [
          { name: 'old', want: undefined },
          { name: 'new', want: wanted('A') },
        ],
      }),
    });
    assert.deepEqual(port.calls, ['refresh', 'link new', 'isAlone', 'unlink old', 'afterWrite']);
  });

  for (const what of ['replaced', 'removed'] as const) {
    test(`leaves at the old name what somebody else has ${what} while the new one was linked`, async () => {
      const { port, rename } = setUp();
      port.children.set('old', child('A'));
      port.after.set('link', () => {
        if (what === 'replaced') {
          port.children.set('old', child('THEIRS'));
        } else {
          port.children.delete('old');
        }
        port.seq += 1;
      });
      await rename('old', 'new', 'A');
      assert.deepEqual(
        [...port.children].map(([name, { readCap }]) => [name, readCap]),
        [...(what === 'replaced' ? [['old', 'THEIRS']] : []), ['new', 'A']],
      );
      assert.ok(!port.calls.includes('unlink old'));
    });
  }

  test('unlinks at the old name while somebody else changes another one', async () => {
    const { port, rename } = setUp();
    port.children.set('old', child('A'));
    port.after.set('link', () => {
      port.children.set('other', child('THEIRS'));
      port.seq += 1;
    });
    await rename('old', 'new', 'A');
    assert.deepEqual([...port.children.keys()], ['new', 'other']);
  });

  test('removes nothing by a look of more than a second ago', async () => {
    const { port, writer, clock } = setUp();
    for (const name of ['a', 'b', 'c']) {
      port.children.set(name, child(name));
    }
    port.after.set('unlink', () => {
      clock.pass(1_500);
      port.children.set('b', child('THEIRS'));
      port.seq += 1;
    });
    const remove = (name: string): Promise<void> =>
      writer.change({
        names: [name],
        decide: (state) => {
          if (fingerprint(state.get(name)) !== fingerprint(child(name))) {
            throw new FsError('conflict', 'another thing');
          }
          return { wants: [{ name, want: undefined }] };
        },
      });
    const said = await Promise.allSettled(['a', 'b', 'c'].map(remove));
    assert.deepEqual(
      said.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual([...port.children.keys()], ['b']);
  });

  test('looks for what it answered after 1, 4, 12 and 45 s, then forgets it', async () => {
    const { port, store, put, clock } = setUp();
    await put('a', 'A');
    port.calls.length = 0;
    const looks: number[] = [];
    for (let second = 1; second <= 60; second += 1) {
      await clock.advance(1_000);
      looks.push(...port.calls.splice(0).map(() => second));
      assert.equal(store.records.size, second < 45 ? 1 : 0);
    }
    assert.deepEqual(looks, [1, 4, 12, 45]);
  });

  test('forgets the edit at once as the sole writer', async () => {
    const { store, put } = setUp({ isSoleWriter: true });
    await put('a', 'A');
    assert.equal(store.records.size, 0);
  });

  test('writes again what a racing writer undid after the answer', async () => {
    const { port, put, clock, store } = setUp();
    await put('a', 'A');
    port.children.delete('a');
    port.seq += 1;
    await clock.advance(1_100);
    assert.equal(port.children.get('a')?.readCap, 'A');
    await clock.advance(FORGOTTEN_MS);
    assert.equal(store.records.size, 0);
  });

  test('writes again what a node took away that had looked at the empty directory', async () => {
    const { port, put, clock } = setUp();
    await put('a', 'A');
    await put('b', 'B');
    await clock.advance(2_000);
    port.writeOver('theirs', child('THEIRS'));
    await clock.advance(2_500);
    assert.deepEqual([...port.children.keys()].sort(), ['a', 'b', 'theirs']);
  });

  test('writes the last of several versions again when the directory falls back behind the first', async () => {
    const { port, put, clock } = setUp();
    await put('a', 'A');
    await put('a', 'B');
    await clock.advance(2_000);
    port.writeOver('theirs', child('THEIRS'));
    await clock.advance(2_500);
    assert.equal(port.children.get('a')?.readCap, 'B');
  });

  test('removes again what it had removed when the directory falls back to an older version', async () => {
    const { port, put, remove, clock } = setUp();
    await put('a', 'A');
    await put('a', 'B');
    await remove('a');
    await clock.advance(2_000);
    port.writeOver('a', child('A'));
    await clock.advance(2_500);
    assert.equal(port.children.has('a'), false);
  });

  test('leaves what somebody else has removed after it was found', async () => {
    const { port, put, clock, store } = setUp();
    await put('a', 'A');
    await clock.advance(1_100);
    port.children.delete('a');
    await clock.advance(4_000);
    assert.equal(port.children.has('a'), false);
    assert.equal(store.records.size, 0);
  });

  test('gives in to somebody who removes a name again and again', async () => {
    const { port, put, clock, store } = setUp();
    await put('a', 'A');
    for (let times = 0; times < 3; times += 1) {
      port.children.delete('a');
      await clock.advance(1_100);
    }
    assert.equal(port.children.has('a'), false);
    assert.equal(store.records.size, 0);
  });

  test('has its version last when a call that was given up comes late', async () => {
    const { port, put, clock } = setUp();
    port.failEach('link', new FsError('timeout', 'no answer', { outcomeUnknown: true }));
    await assert.rejects(passing(clock, put('a', 'LATE')), { code: 'timeout' });
    port.before.clear();
    await put('a', 'A');
    port.children.set('a', child('LATE', 'token of LATE'));
    await clock.advance(1_100);
    assert.equal(port.children.get('a')?.readCap, 'A');
  });

  test('writes again what was undone before the answer', async () => {
    const { port, put, clock } = setUp();
    port.after.set('link', () => port.children.delete('a'));
    await passing(clock, put('a', 'A'));
    assert.equal(port.children.get('a')?.readCap, 'A');
  });

  test('leaves alone what somebody else put at the name after the answer', async () => {
    const { port, put, clock, store } = setUp();
    await put('a', 'A');
    port.children.set('a', child('THEIRS'));
    await clock.advance(1_100);
    assert.equal(port.children.get('a')?.readCap, 'THEIRS');
    assert.equal(store.records.size, 0);
  });

  test('shows a decision what was answered even where a racing writer undid it', async () => {
    const { port, put, writer } = setUp();
    await put('a', 'A');
    port.children.delete('a');
    let seen: SeenChild | undefined;
    await writer.change({
      names: ['a'],
      decide: (state) => {
        seen = state.get('a');
        return { wants: [{ name: 'a', want: wanted('B') }] };
      },
    });
    assert.equal(seen?.readCap, 'A');
    assert.equal(port.children.get('a')?.readCap, 'B');
  });

  test('decides anew when a name was taken between the look and the link', async () => {
    const { port, clock, writer } = setUp();
    port.before.set('link', () => port.children.set('a', child('THEIRS')));
    const change = writer.change({
      names: ['a'],
      decide: (state) => {
        if (state.get('a')) {
          throw new FsError('exists', 'taken');
        }
        return { wants: [{ name: 'a', want: wanted('A') }] };
      },
    });
    await assert.rejects(passing(clock, change), { code: 'exists', message: 'taken' });
    assert.equal(port.children.get('a')?.readCap, 'THEIRS');
  });

  test('knows its own link again when the answer was lost', async () => {
    const { port, clock, writer } = setUp();
    port.after.set('link', () => {
      throw new FsError('timeout', 'no answer', { outcomeUnknown: true });
    });
    const change = writer.change({
      names: ['a'],
      decide: (state) => {
        assert.equal(state.get('a'), undefined, 'decided once only');
        return { wants: [{ name: 'a', want: wanted('A') }] };
      },
    });
    await passing(clock, change);
    assert.deepEqual(
      port.calls.filter((call) => call.startsWith('link')),
      ['link a'],
    );
  });

  test('tries again when the answer was lost and nothing had happened', async () => {
    const { port, clock, put } = setUp();
    port.before.set('link', () => {
      throw new FsError('race', 'another writer');
    });
    await passing(clock, put('a', 'A'));
    assert.equal(port.children.get('a')?.readCap, 'A');
  });

  test('refuses with what the grid said, and forgets the edit', async () => {
    const { port, put, store } = setUp();
    port.before.set('link', () => {
      throw new FsError('read-only', 'not writeable');
    });
    await assert.rejects(put('a', 'A'), { code: 'read-only' });
    assert.equal(store.records.size, 0);
    assert.equal(port.children.size, 0);
  });

  test('refuses only the change that spoils the batch', async () => {
    const { port, put } = setUp();
    const refuse = (): void => {
      port.before.set('link', () => {
        refuse();
        if (port.calls.at(-1)?.includes('bad')) {
          throw new FsError('bad-cap', 'not a cap');
        }
      });
    };
    refuse();
    const first = put('first', '0');
    const rest = [put('a', 'A'), put('bad', '?'), put('b', 'B')];
    const results = await Promise.allSettled([first, ...rest]);
    port.before.clear();
    assert.deepEqual([...port.children.keys()].sort(), ['a', 'b', 'first']);
    assert.deepEqual(
      results.map((result) => result.status),
      ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
    );
  });

  test('answers nothing and asks nothing of the grid when the edit can not be written down', async () => {
    const { port, put, store } = setUp();
    store.failNext(new FsError('no-space', 'disk full'));
    await assert.rejects(put('a', 'A'), { code: 'no-space' });
    assert.equal(port.children.size, 0);
  });

  test('keeps an answered edit when a later change of the name is refused', async () => {
    const { port, put, edits } = setUp();
    await put('a', 'A');
    port.before.set('link', () => {
      throw new FsError('read-only', 'no more');
    });
    await assert.rejects(put('a', 'B'), { code: 'read-only' });
    assert.deepEqual(
      (await edits.all()).map((edit) => edit.want?.readCap),
      ['A'],
    );
  });

  for (const [what, wants, code] of [
    ['answered', [], undefined],
    ['refused', undefined, 'not-found'],
  ] as const) {
    test(`forgets an answered link whose removal was not answered, when the next try is ${what}`, async () => {
      const { port, put, remove, writer, clock, edits } = setUp({ retries: 0 });
      await put('a', 'A');
      await clock.advance(1_100);
      port.after.set('unlink', () => {
        port.failEach('refresh', new FsError('unavailable', 'gone'));
        throw new FsError('timeout', 'no answer', { outcomeUnknown: true });
      });
      await assert.rejects(remove('a'), { code: 'timeout' });
      port.before.clear();
      const again = writer.change({
        names: ['a'],
        decide: (state) => {
          assert.equal(state.get('a'), undefined);
          if (wants === undefined) {
            throw new FsError('not-found', 'nothing there');
          }
          return { wants };
        },
      });
      await (code === undefined ? again : assert.rejects(again, { code }));
      assert.deepEqual(await edits.all(), [], 'the next process would link it again');
    });
  }

  test('keeps an answered edit as long as the grid is away', async () => {
    const { port, put, clock, store } = setUp();
    await put('a', 'A');
    const fail = (): void => {
      port.before.set('refresh', () => {
        fail();
        throw new FsError('unavailable', 'refused');
      });
    };
    fail();
    await clock.advance(600_000);
    assert.equal(store.records.size, 1);
    port.before.clear();
    port.children.clear();
    await clock.advance(21_000);
    assert.equal(port.children.get('a')?.readCap, 'A');
    await clock.advance(FORGOTTEN_MS);
    assert.equal(store.records.size, 0);
  });

  test('does not wait in line for a client that has gone', async () => {
    const { port, put, writer } = setUp();
    const first = put('x', 'X');
    const gone = new AbortController();
    const second = writer.change(
      { names: ['a'], decide: () => ({ wants: [{ name: 'a', want: wanted('A') }] }) },
      gone.signal,
    );
    gone.abort();
    await first;
    await assert.rejects(second, { code: 'aborted' });
    assert.equal(port.children.has('a'), false);
  });

  test('does not hold a change up while a look waits for a hung grid', async () => {
    const { port, put, clock } = setUp();
    await put('a', 'A');
    let hung = 0;
    const refresh = port.refresh.bind(port);
    port.refresh = () => {
      hung += 1;
      return hung === 1 ? new Promise(() => undefined) : refresh();
    };
    await clock.advance(1_100);
    assert.equal(hung, 1, 'a look waits');
    await put('b', 'B');
    assert.equal(port.children.get('b')?.readCap, 'B');
  });

  test('answers what the grid has done even when it can not be asked again', async () => {
    const { port, put, clock, store } = setUp();
    port.before.set('afterWrite', () => {
      throw new FsError('unavailable', 'refused');
    });
    await put('a', 'A');
    assert.equal(port.children.get('a')?.readCap, 'A');
    assert.deepEqual(port.unread, ['a']);
    await clock.advance(FORGOTTEN_MS);
    assert.equal(store.records.size, 0);
  });

  test('answers a move whose link stands, and unlinks when the grid is back', async () => {
    const { port, rename, clock, store, writer } = setUp();
    port.children.set('old', child('A'));
    port.failEach('unlink', new FsError('unavailable', 'refused'));
    await rename('old', 'new', 'A');
    assert.deepEqual([...port.children.keys()], ['old', 'new']);
    assert.deepEqual(port.unread, ['new', 'old']);
    const seen = await port.refresh();
    assert.deepEqual(
      writer.undone(seen).map((edit) => [edit.name, edit.want]),
      [['old', undefined]],
      'readers no longer see the old name',
    );
    await clock.advance(5_000);
    port.before.clear();
    await clock.advance(21_000);
    assert.deepEqual([...port.children.keys()], ['new']);
    await clock.advance(FORGOTTEN_MS);
    assert.equal(store.records.size, 0);
  });

  test('finishes a move that it refused, where the grid had linked it after all', async () => {
    const { port, rename, clock, store } = setUp();
    port.children.set('old', child('A'));
    port.after.set('link', () => {
      port.failEach('refresh', new FsError('unavailable', 'refused'));
      throw new FsError('unavailable', 'connection broke', { outcomeUnknown: true });
    });
    await assert.rejects(passing(clock, rename('old', 'new', 'A')), { code: 'unavailable' });
    assert.equal(store.records.size, 0);
    port.before.clear();
    await clock.advance(21_000);
    assert.deepEqual([...port.children.keys()], ['new']);
  });

  test('leaves a refused move alone that never reached the grid', async () => {
    const { port, rename, clock } = setUp();
    port.children.set('old', child('A'));
    port.before.set('link', () => {
      port.failEach('refresh', new FsError('unavailable', 'refused'));
      throw new FsError('unavailable', 'connection broke', { outcomeUnknown: true });
    });
    await assert.rejects(passing(clock, rename('old', 'new', 'A')), { code: 'unavailable' });
    port.before.clear();
    await clock.advance(FORGOTTEN_MS);
    assert.deepEqual([...port.children.keys()], ['old']);
  });

  test('answers the second half of a move, and does it when the grid is back', async () => {
    const { port, clock, writer, edits, store } = setUp();
    port.children.set('old', child('A'));
    const unlink = {
      dirId: 'dir',
      dirWriteCap: 'write cap',
      name: 'old',
      want: undefined,
      bases: [fingerprint(child('A'))],
    };
    await edits.save([unlink]); // with the first half
    port.failEach('refresh', new FsError('unavailable', 'refused'));
    const decide = () => ({ wants: [{ name: 'old', want: undefined }] });
    await writer.change({ names: ['old'], owed: [unlink], decide });
    assert.equal(store.records.size, 1);
    port.before.clear();
    await clock.advance(21_000);
    assert.equal(port.children.size, 0);
  });

  test('forgets the second half of a move where somebody else has made it pointless', async () => {
    const { port, writer, edits, store } = setUp();
    port.children.set('old', child('THEIRS'));
    const bases = [fingerprint(child('A'))];
    const unlink = { dirId: 'dir', dirWriteCap: 'write cap', name: 'old', want: undefined, bases };
    await edits.save([unlink]);
    await writer.change({ names: ['old'], owed: [unlink], decide: () => ({ wants: [] }) });
    assert.equal(store.records.size, 0);
    assert.equal(port.children.size, 1);
  });

  for (const [what, at, after] of [
    ['applies a link that never reached the grid', undefined, 'A'],
    ['is content with a link that had reached it', 'own', 'A'],
    ['leaves what somebody else linked meanwhile', 'THEIRS', 'THEIRS'],
  ] as const) {
    test(`adopting ${what}`, async () => {
      const { port, writer, store, edits, clock } = setUp();
      const want = wanted('A');
      const edit = {
        dirId: 'dir',
        dirWriteCap: 'write cap',
        name: 'a',
        want,
        bases: [fingerprint(undefined)],
      };
      await edits.save([edit]);
      if (at !== undefined) {
        port.children.set('a', at === 'own' ? want : child(at));
      }
      const overtaken = await writer.adopt(await edits.all());
      assert.equal(overtaken.length, after === 'THEIRS' ? 1 : 0);
      assert.equal(port.children.get('a')?.readCap, after);
      await clock.advance(FORGOTTEN_MS);
      assert.equal(store.records.size, 0);
    });
  }
});
