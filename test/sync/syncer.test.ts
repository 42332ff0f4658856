// When changes are brought to the grid, and with how few calls.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FsError } from '../../src/base/errors.ts';
import type { UploadBody } from '../../src/tahoe/grid.ts';
import { at } from '../inode/make-tree.ts';
import { DEADLINE_MS, REST_MS } from './sync-process.ts';
import { type Call, namesIn, SyncScene } from './sync-scene.ts';

const big = (letter: string, sizeBytes = 1_000): Buffer => Buffer.alloc(sizeBytes, letter);

/** Sent as a stream. */
const LARGE = 140 * 1024;

function uploadedBytes({ args }: Call): number {
  const body = args[0] as UploadBody;
  return 'bytes' in body ? body.bytes.length : (body.sizeBytes ?? 0);
}

describe('Syncer', () => {
  test('writes a file when it has rested since its last change', async () => {
    const scene = await SyncScene.make();
    for (let change = 0; change < 10; change += 1) {
      await scene.put('/a', big(String(change)));
      await scene.pass(REST_MS - 1_000);
    }
    assert.deepEqual(scene.writes, []);
    await scene.pass(1_500);
    assert.deepEqual(scene.writes, ['upload', 'setChildren']);
    assert.deepEqual(await scene.onGrid(), { '/a': big('9').toString() });
  });

  test('brings a file that never rests to the grid by its deadline', async () => {
    const scene = await SyncScene.make({}, { transfers: 1 });
    let version = 0;
    let frozen: number | undefined;
    let hold: (() => void) | undefined;
    scene.hook = async ({ name }) => {
      if (name === 'upload' && frozen === undefined) {
        frozen = version;
        await new Promise<void>((resolve) => {
          hold = resolve;
        });
      }
      return undefined;
    };
    const began = scene.clock.monotonicMs();
    const write = async (): Promise<void> => {
      version += 1;
      await scene.put('/a', big(`${version} `, LARGE));
      await scene.pass(1_000);
    };
    while (hold === undefined) {
      await write();
    }
    assert.ok(scene.clock.monotonicMs() - began <= DEADLINE_MS + 2_000);
    await write();
    hold();
    await write();
    await write();
    const [sent] = Object.values(await scene.onGrid());
    assert.ok(sent?.startsWith(`${frozen} `), `the version that was being sent, not ${sent?.slice(0, 5)}`);
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), await scene.shown());
  });

  for (const [what, base, most] of [
    ['large', LARGE, 3],
    ['small', 0, 6],
  ] as const) {
    test(`sends ${most} ${what} files at once for 3 transfers, the smallest first`, async () => {
      const scene = await SyncScene.make({}, { transfers: 3 });
      for (const more of [900, 500, 800, 100, 700, 300, 600, 200, 400, 1000]) {
        await scene.put(`/${more}`, big('x', base + more));
      }
      const sent: number[] = [];
      let [running, highest] = [0, 0];
      scene.hook = async (call) => {
        if (call.name === 'upload') {
          sent.push(uploadedBytes(call) - base);
          running += 1;
          highest = Math.max(highest, running);
          await scene.clock.sleep(1_000);
          running -= 1;
        }
        return undefined;
      };
      await scene.synced();
      assert.equal(highest, most);
      assert.deepEqual(sent, [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
    });
  }

  test('leaves clients four fifths of the time while they write much', async () => {
    const scene = await SyncScene.make();
    for (let count = 0; count < 100; count += 1) {
      await scene.put(`/old${count}`, big(`${count} `, 200));
    }
    scene.hook = async ({ name }) => {
      if (name === 'upload') {
        await scene.clock.sleep(20);
      }
      return undefined;
    };
    const uploadsIn = async (ms: number, isRush: boolean): Promise<number> => {
      const before = scene.count('upload');
      for (let count = 0; count < ms / 10; count += 1) {
        for (let change = 0; isRush && change < 3; change += 1) {
          await scene.put(`/new${change}`, big(String(change), 200));
        }
        await scene.clock.advance(10);
      }
      return scene.count('upload') - before;
    };
    await uploadsIn(REST_MS - 100, true);
    const during = await uploadsIn(1_000, true);
    assert.ok(during >= 5 && during <= 11, `${during} uploads of 20 ms in a second of much writing`);
    const after = await uploadsIn(600, false);
    assert.ok(after >= 50, `${after} uploads soon after it`);
    await scene.synced();
    assert.deepEqual(await scene.onGrid(), await scene.shown());
  });

  test('lets a large file go before small ones that keep coming', async () => {
    const scene = await SyncScene.make({}, { transfers: 1 });
    await scene.put('/large', big('l', LARGE));
    let isLargeSent = false;
    scene.hook = async (call) => {
      if (call.name === 'upload') {
        isLargeSent ||= uploadedBytes(call) === LARGE;
        await scene.clock.sleep(2_000);
      }
      return undefined;
    };
    for (let count = 0; count < 50 && !isLargeSent; count += 1) {
      await scene.put(`/${count}`, big(String(count), 200));
      await scene.pass(1_000);
    }
    assert.ok(isLargeSent);
  });

  test('uploads once what an editor saves by a temporary file and a rename', async () => {
    const scene = await SyncScene.make({ '/letter': 'as it was' });
    for (let save = 0; save < 5; save += 1) {
      await scene.put('/letter.tmp', big(String(save)));
      await scene.move('/letter', '/letter~');
      await scene.move('/letter.tmp', '/letter');
      await scene.remove('/letter~');
      await scene.pass(500);
    }
    await scene.synced();
    assert.deepEqual(scene.writes, ['upload', 'setChildren']);
    assert.deepEqual(await scene.onGrid(), { '/letter': big('4').toString() });
  });

  test('never uploads what is deleted before it was tried', async () => {
    const scene = await SyncScene.make();
    await scene.makeDirectory('/d');
    await scene.put('/d/a', big('a'));
    await scene.put('/b', big('b'));
    await scene.pass(REST_MS - 1_000);
    await scene.remove('/d');
    await scene.remove('/b');
    await scene.pass(2 * DEADLINE_MS);
    assert.deepEqual(scene.writes, []);
    assert.deepEqual(scene.edits, []);
  });

  test('does not upload the same bytes again while the grid has them', async () => {
    const scene = await SyncScene.make();
    await scene.put('/a', big('x'));
    await scene.synced();
    await scene.put('/b', big('x'));
    await scene.synced();
    assert.equal(scene.count('upload'), 1);
    scene.grid.lose((await scene.child('/a')).readCap ?? '');
    await scene.put('/c', big('x'));
    await scene.synced();
    assert.equal(scene.count('upload'), 2);
    assert.equal((await scene.onGrid())['/c'], big('x').toString());
  });

  test('makes new directories bottom-up, each with its children in one call', async () => {
    const scene = await SyncScene.make();
    await scene.makeDirectory('/a');
    await scene.makeDirectory('/a/b');
    await scene.makeDirectory('/a/b/c');
    await scene.put('/a/1', 'one');
    await scene.put('/a/b/2', 'two');
    await scene.put('/a/b/c/3', 'three');
    await scene.put('/a/b/c/4', 'four');
    await scene.synced();
    const made = scene.calls.filter(({ name }) => name === 'makeDirectory' || name === 'setChildren');
    assert.deepEqual(
      made.map((call) => [call.name, namesIn(call).toSorted()]),
      [
        ['makeDirectory', ['3', '4']],
        ['makeDirectory', ['2', 'c']],
        ['makeDirectory', ['1', 'b']],
        ['setChildren', ['a']],
      ],
    );
  });

  test('writes each directory of a large copied tree once', async () => {
    const scene = await SyncScene.make();
    const paths = ['/t'];
    await scene.makeDirectory('/t');
    for (let count = 0; count < 299; count += 1) {
      const path = `${paths[Math.floor(count / 7)]}/${count}`;
      paths.push(path);
      await scene.makeDirectory(path);
      await scene.put(`${path}/file`, `the content of ${count}`);
      await scene.pass(20); // a client needs its time
    }
    await scene.synced();
    assert.equal(scene.count('makeDirectory'), 300);
    assert.equal(scene.count('setChildren'), 1);
    assert.deepEqual(await scene.onGrid(), await scene.shown());
  });

  test('writes all that replace in a directory in one call, and then all new names in another', async () => {
    const scene = await SyncScene.make({ '/old1': '1', '/old2': '2' });
    for (const name of ['old1', 'old2', 'new1', 'new2', 'new3']) {
      await scene.put(`/${name}`, big(name));
    }
    await scene.synced();
    const links = scene.calls.filter(({ name }) => name === 'setChildren');
    assert.deepEqual(links.map(namesIn), [
      ['old1', 'old2'],
      ['new1', 'new2', 'new3'],
    ]);
  });

  test('tries again for ever, ever more rarely, and at once when the grid is back', async () => {
    const scene = await SyncScene.make();
    await scene.shown();
    let isAway = true;
    scene.hook = () => (isAway ? 'refused' : undefined);
    for (const name of ['a', 'b', 'c']) {
      await scene.put(`/${name}`, big(name));
    }
    await scene.pass(3 * 3_600_000);
    const tries = scene.count('upload');
    assert.ok(tries > 100 && tries < 3_000, `${tries} tries`);
    assert.equal(scene.edits.filter(({ parked }) => parked).length, 0);
    assert.equal(scene.process.syncer.state.isUp, false);
    isAway = false;
    await scene.until(() => scene.count('upload') > tries, 'one is tried');
    await scene.pass(2_000);
    assert.deepEqual(Object.keys(await scene.onGrid()), ['/a', '/b', '/c']);
  });

  for (const code of ['read-only', 'bad-request', 'too-large', 'bad-cap'] as const) {
    test(`parks what the grid refuses with ${code}, and writes the others`, async () => {
      const scene = await SyncScene.make();
      const isBad = (call: Call): boolean => call.name === 'setChildren' && namesIn(call).includes('bad');
      scene.hook = (call) => {
        if (isBad(call)) {
          throw new FsError(code, 'the grid does not want it');
        }
        return undefined;
      };
      for (const name of ['a', 'bad', 'c']) {
        await scene.put(`/${name}`, big(name));
      }
      await scene.pass(REST_MS + 5_000);
      assert.deepEqual(Object.keys(await scene.onGrid()), ['/a', '/c']);
      assert.deepEqual(
        scene.edits.map(({ name, parked }) => [name, parked?.code]),
        [['bad', code]],
      );
      const before = scene.calls.length;
      await scene.pass(2 * DEADLINE_MS);
      assert.equal(scene.calls.slice(before).filter(isBad).length, 0);
      assert.equal((await scene.shown())['/bad'], big('bad').toString());
    });
  }

  test('parks a file whose bytes are damaged here, and sends nothing of it', async () => {
    const scene = await SyncScene.make();
    await scene.put('/good', big('g'));
    await scene.put('/bad', big('b'));
    const id = scene.around.bodies.ids()[1] ?? '';
    scene.around.bodies.bytes(id)?.fill('x');
    await scene.pass(REST_MS + 5_000);
    assert.deepEqual(await scene.onGrid(), { '/good': big('g').toString() });
    assert.equal(scene.count('upload'), 1);
    assert.deepEqual(
      scene.edits.map(({ name, parked }) => [name, parked?.code]),
      [['bad', 'corrupt']],
    );
    assert.ok(scene.around.bodies.ids().includes(id));
  });

  for (const isNew of [false, true]) {
    test(`writes the others of ${isNew ? 'a new' : 'a'} directory while one upload goes on failing`, async () => {
      const scene = await SyncScene.make(isNew ? {} : { '/d/': '' });
      if (isNew) {
        await scene.makeDirectory('/d');
      }
      scene.hook = ({ name, args }) => {
        const isBad = name === 'upload' && (args[0] as { readonly bytes: Buffer }).bytes[0] === 0x62;
        return isBad ? 'refused' : undefined;
      };
      for (const name of ['a', 'bad', 'c']) {
        await scene.put(`/d/${name}`, big(name));
      }
      await scene.pass(REST_MS + 30_000);
      assert.deepEqual(Object.keys(await scene.onGrid()), ['/d/', '/d/a', '/d/c']);
      scene.hook = () => undefined;
      await scene.synced();
      assert.deepEqual(await scene.onGrid(), await scene.shown());
    });
  }

  test('goes on after a restart, and sends no byte twice', async () => {
    const scene = await SyncScene.make();
    await scene.put('/a', big('a'));
    scene.hook = ({ name }) => (name === 'setChildren' ? 'refused' : undefined);
    await scene.pass(REST_MS + 2_000);
    assert.equal(scene.count('upload'), 1);
    await scene.restart();
    scene.hook = () => undefined;
    await scene.synced();
    assert.equal(scene.count('upload'), 0);
    assert.deepEqual(await scene.onGrid(), { '/a': big('a').toString() });
  });

  test('shows after a restart without the grid what was brought there just before', async () => {
    const scene = await SyncScene.make({ '/old': 'old' }, { isSoleWriter: true });
    await scene.shown();
    await scene.remove('/old');
    await scene.put('/new', big('n'));
    await scene.makeDirectory('/d');
    await scene.put('/d/f', big('f'));
    await scene.process.synced();
    await scene.restart();
    scene.hook = () => 'refused';
    const names = async (path: string): Promise<readonly string[]> =>
      [...(await scene.process.driven(scene.tree.list(at(path)))).children()].map(({ name }) => name);
    assert.deepEqual(await names('/'), ['d', 'new']);
    assert.deepEqual(await names('/d'), ['f']);
  });
});
