// The end of a server that has answered more than the grid has: how long it takes, and what the next one finds.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, timed } from '../faults/scene.ts';
import { BackHome } from './back-home.ts';

const RESTING = ['--write-back', '1h'];
const CONTENT = 'content '.repeat(100);
const LARGE = 'a line of many. '.repeat(100_000);
/** Twice Ctrl-C within a quarter of a second counts once. */
const NEXT_KEYPRESS_MS = 400;

async function putSome(home: BackHome): Promise<Record<string, string>> {
  assert.equal(await home.client.mkcol('/dir'), 201);
  assert.equal(await home.client.put('/dir/file', CONTENT), 201);
  assert.equal(await home.client.put('/large', LARGE), 201);
  return { '/dir/': '', '/dir/file': CONTENT, '/large': LARGE };
}

describe('a server that is told to stop', { concurrency: 2 }, () => {
  test('brings what waits to the grid first', async () => {
    await using home = await BackHome.start(RESTING);
    const expected = await putSome(home);
    assert.equal(await home.server.kill('SIGTERM'), 0);
    assert.deepEqual(await home.tree(), expected);
    assert.match(home.server.stderr(), /waiting for changes to reach the grid/);
  });

  test('ends in time though the grid is slow, and the next one goes on', async () => {
    await using home = await BackHome.start([...RESTING, '--shutdown-grace', '2s', '--bwlimit', '200K']);
    const expected = await putSome(home);
    const { result, ms } = await timed(() => home.server.kill('SIGTERM'));
    assert.equal(result, 0, home.server.stderr());
    assert.ok(ms > 1_500 && ms < 6_000, `ended after ${ms} ms`);
    assert.match(home.server.stderr(), /not everything is on the grid yet/);
    await home.startServer(['--write-back', '0']);
    assert.equal(await home.client.get('/large'), LARGE);
    await home.drained();
    assert.deepEqual(await home.tree(), expected);
  });

  test('does not wait for a grid that is away, and the next one goes on', async () => {
    await using home = await BackHome.start([...RESTING, '--shutdown-grace', '50s']);
    const expected = await putSome(home);
    await home.proxy.refuse();
    const { result, ms } = await timed(() => home.server.kill('SIGTERM'));
    assert.equal(result, 0, home.server.stderr());
    assert.ok(ms < 15_000, `ended after ${ms} ms`);
    await home.startServer(['--write-back', '0']);
    assert.equal(await home.client.put('/late', CONTENT), 201);
    await home.proxy.accept();
    await home.drained();
    assert.deepEqual(await home.tree(), { ...expected, '/late': CONTENT });
  });

  test('ends at once at the second Ctrl-C, and loses nothing', async () => {
    await using home = await BackHome.start([...RESTING, '--bwlimit', '100K']);
    const expected = await putSome(home);
    const { server } = home;
    await server.kill('SIGINT');
    await eventually(async () => assert.match(server.stderr(), /a second Ctrl-C ends at once/), 5_000);
    await delay(NEXT_KEYPRESS_MS);
    const ended = server.ended();
    const { result, ms } = await timed(async () => {
      await server.kill('SIGINT');
      return await ended;
    });
    assert.equal(result, 1);
    assert.ok(ms < 2_000, `ended after ${ms} ms`);
    await home.startServer(['--write-back', '0']);
    await home.drained();
    assert.deepEqual(await home.tree(), expected);
  });
});
