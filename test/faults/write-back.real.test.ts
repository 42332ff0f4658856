// A server that answers before the grid has it, on a real grid: its node stops, dies, hangs; too few storage servers
// are left; other nodes write the same directory.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type RealGrid, realGridSkip, startRealGrid } from '../grid/real-grid.ts';
import { statusOf } from '../server/commands.ts';
import {
  assertSeenAfresh,
  assertShown,
  assertSynced,
  changeAll,
  drained,
  flushed,
  lookAround,
  makeBefore,
  startBack,
  statusAway,
  writeTogether,
} from './back-scene.ts';
import { eventually, makeRoot } from './scene.ts';

interface Outage {
  readonly what: string;
  begin(grid: RealGrid): Promise<unknown>;
  end(grid: RealGrid): Promise<unknown>;
}

const outages: readonly Outage[] = [
  {
    what: 'node was stopped',
    begin: (grid) => grid.run('stop-gateway'),
    end: (grid) => grid.run('start-gateway'),
  },
  {
    what: 'node was killed',
    begin: (grid) => grid.run('stop-gateway', '--kill'),
    end: (grid) => grid.run('start-gateway'),
  },
  {
    what: 'node is silent (SIGSTOP)',
    begin: (grid) => grid.run('pause'),
    end: (grid) => grid.run('resume'),
  },
  {
    what: 'storage servers are too few',
    begin: (grid) => grid.run('stop-storage', '1'),
    end: (grid) => grid.run('start-storage', '1'),
  },
  {
    what: 'storage servers are all silent (SIGSTOP)',
    begin: async (grid) => {
      await grid.run('pause-storage', '1');
      await grid.run('pause-storage', '2');
    },
    end: async (grid) => {
      await grid.run('resume-storage', '1');
      await grid.run('resume-storage', '2');
    },
  },
];

describe('a server that answers first, on a real grid', { skip: realGridSkip() }, () => {
  let grid: RealGrid;
  before(async () => {
    grid = await startRealGrid({ storages: 2, k: 2, happy: 2, n: 2, gateways: 2 });
  });
  after(async () => {
    await grid?.[Symbol.asyncDispose]();
  });

  for (const { what, begin, end } of outages) {
    test(`takes every change while its ${what}, shows it, and drains by itself`, {
      timeout: 150_000,
    }, async (t) => {
      await using root = await makeRoot(grid.url);
      await makeBefore(grid.url, root);
      await using back = await startBack(root, grid.url, { netTimeout: '3s' });
      await lookAround(back.client);
      await begin(grid);
      let slowestMs: number;
      try {
        slowestMs = await changeAll(back.client);
        assert.ok(slowestMs < 5_000, `a change was answered after ${slowestMs} ms`);
        const { edits, gridError } = await statusAway(back.home, 60_000);
        t.diagnostic(`${edits} wait: ${gridError}`);
        await assertShown(back.client, ['/dir/moved', '/dir/copied']);
      } finally {
        await end(grid);
      }
      const drainedMs = await drained(back.home, 60_000);
      t.diagnostic(`slowest answer ${slowestMs} ms, drained ${drainedMs} ms after the end`);
      await assertSynced(back, grid.url, root);
      await assertSeenAfresh(root, grid.url);
    });
  }

  test('brings a file there whole whose upload the death of the node cut off', {
    timeout: 120_000,
  }, async () => {
    await using root = await makeRoot(grid.url);
    await makeBefore(grid.url, root);
    await using back = await startBack(root, grid.url, { args: ['--bwlimit', '400K'] });
    await lookAround(back.client);
    await changeAll(back.client);
    const isHalfWay = async (): Promise<void> => {
      const sent = (await statusOf(back.home)).items.find(({ path }) => path === '/large')?.sentBytes ?? 0;
      assert.ok(sent > 100_000);
    };
    await eventually(isHalfWay, 20_000);
    await grid.run('stop-gateway', '--kill');
    const flush = flushed(back.home, 60_000);
    await grid.run('start-gateway');
    await flush;
    await assertSynced(back, grid.url, root);
  });

  test('writes a directory at once with another server and another node, and loses nothing', {
    timeout: 150_000,
  }, async (t) => {
    const [urlOne = '', urlOther = ''] = grid.urls;
    await using root = await makeRoot(urlOne);
    await makeBefore(urlOne, root);
    await using one = await startBack(root, urlOne, { netTimeout: '30s' });
    await using other = await startBack(root, urlOther, { netTimeout: '30s' });
    await lookAround(one.client);
    await lookAround(other.client);
    const { lostOfNode } = await writeTogether([one, other], urlOther, root);
    const logs = one.server.stderr() + other.server.stderr();
    t.diagnostic(`${lostOfNode.length} of the node's lost`);
    if (lostOfNode.length > 0) {
      assert.match(logs, /another node wrote this directory/);
    }
  });
});
