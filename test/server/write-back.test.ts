// What waits for the grid, as a user at a terminal sees and steers it: status, flush, retry, discard, the trash.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../faults/scene.ts';
import { BackHome, trashOf } from './back-home.ts';
import { startCommand } from './commands.ts';

const AT_ONCE = ['--write-back', '0'];
/** Nothing goes unless it is asked for. */
const RESTING = ['--write-back', '1h'];
const CONTENT = 'content '.repeat(100);
const REFUSED = {
  method: 'PUT',
  fault: { do: 'answer', status: 413, text: 'FileTooLargeError: too large' },
} as const;

describe('status', { concurrency: 2 }, () => {
  test('tells what waits, that the grid is away, and that all is there, in words and in exit codes', async () => {
    await using home = await BackHome.start(AT_ONCE);
    assert.equal(await home.client.put('/there', CONTENT), 201);
    await home.drained();
    const there = await home.command('status');
    assert.equal(there.code, 0, there.stderr);
    assert.match(there.stdout, /^safe to switch off: yes\neverything on the grid: yes$/m);
    await home.proxy.refuse();
    assert.equal(await home.client.put('/waits', CONTENT), 201);
    await eventually(async () => assert.equal((await home.status()).isGridUp, false), 10_000);
    // Before it has failed once it is among those that just wait, which are not shown one by one.
    await eventually(async () => {
      const away = await home.command('status');
      assert.equal(away.code, 4);
      assert.match(away.stdout, /^safe to switch off: yes\neverything on the grid: no$/m);
      assert.match(away.stdout, /\/waits/);
      assert.match(away.stdout, /can not be reached/);
    }, 10_000);
    assert.equal((await home.command('status', '/there')).code, 0);
    assert.equal((await home.command('status', '/waits')).code, 4);
    // In between it is being tried.
    await eventually(async () => {
      const { dirtyBytes, edits, items, oldestAgeMs } = await home.status();
      assert.deepEqual([dirtyBytes, edits, items[0]?.path, items[0]?.state], [800, 1, '/waits', 'retrying']);
      assert.ok(oldestAgeMs !== undefined && oldestAgeMs > 0);
    }, 20_000);
    await home.proxy.accept();
    await home.drained();
    assert.equal(await home.server.kill('SIGTERM'), 0);
    assert.equal((await home.command('status')).code, 3);
  });
});

describe('the property sync-state', { concurrency: 2 }, () => {
  const name = '<s:sync-state xmlns:s="https://tahoe-lafs.org/ns/webdav"/>';
  const ask = async ({ client }: BackHome, what: string): Promise<string> => {
    const body = `<D:propfind xmlns:D="DAV:">${what}</D:propfind>`;
    const answer = await client.send('PROPFIND', '/', { headers: { Depth: '1' }, body });
    assert.equal(answer.status, 207);
    return answer.body;
  };
  const states = async (home: BackHome): Promise<Record<string, string | undefined>> => {
    const entries = (await ask(home, `<D:prop>${name}</D:prop>`)).split('<D:response>').slice(1);
    return Object.fromEntries(
      entries.map((xml) => [/href>([^<]*)/.exec(xml)?.[1], /sync-state[^>]*>([^<]*)</.exec(xml)?.[1]]),
    );
  };

  test('says of each resource where it is on its way, where it is asked for by name', async () => {
    await using home = await BackHome.start(RESTING);
    assert.equal(await home.client.put('/there', CONTENT), 201);
    await home.flushed();
    assert.equal(await home.client.put('/waits', `${CONTENT}other`), 201);
    assert.equal(await home.client.mkcol('/dir'), 201);
    const resting = { '/': 'synced', '/there': 'synced', '/waits': 'waiting', '/dir/': 'waiting' };
    assert.deepEqual(await states(home), resting);
    home.proxy.add(REFUSED);
    assert.equal((await home.command('flush', '--wait')).code, 4);
    assert.deepEqual(await states(home), { ...resting, '/waits': 'parked', '/dir/': 'synced' });
    assert.doesNotMatch(await ask(home, '<D:allprop/>'), /sync-state/);
  });

  test('is synced of everything where a change is answered when the grid has it, and nobody sets it', async () => {
    await using home = await BackHome.start(AT_ONCE);
    await home.server.kill('SIGTERM');
    await home.startServer([], 'through');
    assert.equal(await home.client.put('/file', CONTENT), 201);
    assert.deepEqual(await states(home), { '/': 'synced', '/file': 'synced' });
    const body = `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>${name}</D:prop></D:set></D:propertyupdate>`;
    const answer = await home.client.send('PROPPATCH', '/file', { body });
    assert.match(answer.body, /403 Forbidden/);
  });
});

describe('flush', { concurrency: 2 }, () => {
  test('of a path sends what is there and above it, and nothing else', async () => {
    await using home = await BackHome.start(RESTING);
    assert.equal(await home.client.mkcol('/dir'), 201);
    assert.equal(await home.client.put('/dir/file', CONTENT), 201);
    assert.equal(await home.client.put('/other', CONTENT), 201);
    const one = await home.command('flush', '--wait', '/dir/file');
    assert.equal(one.code, 0, one.stderr);
    assert.match(one.stdout, /everything at or below the paths is on the grid/);
    assert.deepEqual(await home.tree(), { '/dir/': '', '/dir/file': CONTENT });
    await home.flushed();
    assert.deepEqual(await home.tree(), { '/dir/': '', '/dir/file': CONTENT, '/other': CONTENT });
    assert.equal((await home.command('flush')).code, 0);
  });

  test('without --wait ends at once, and what waits goes all the same', async () => {
    await using home = await BackHome.start(RESTING);
    assert.equal(await home.client.put('/file', CONTENT), 201);
    const { code, stdout } = await home.command('flush');
    assert.equal(code, 4);
    assert.match(stdout, /1 change, 800 B on the way to the grid now/);
    await home.drained();
    assert.deepEqual(await home.tree(), { '/file': CONTENT });
  });

  test('that is interrupted says so, and the server goes on', async () => {
    await using home = await BackHome.start(RESTING);
    assert.equal(await home.client.put('/file', CONTENT), 201);
    await home.proxy.refuse();
    const { child, ended } = startCommand(home.home, 'flush', '--wait');
    await eventually(async () => assert.equal((await home.status()).isGridUp, false), 10_000);
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    assert.equal(code, 4);
    assert.match(stdout, /interrupted: 0 of 1 change on the grid/);
    await home.proxy.accept();
    await home.drained();
    assert.deepEqual(await home.tree(), { '/file': CONTENT });
  });
});

describe('what the node refuses for good', () => {
  test('is parked, and goes to the grid by retry or to the trash by discard', async () => {
    await using home = await BackHome.start(AT_ONCE);
    home.proxy.add(REFUSED);
    assert.equal(await home.client.put('/again', CONTENT), 201);
    assert.equal(await home.client.put('/given-up', `${CONTENT}too`), 201);
    await eventually(async () => assert.equal((await home.status()).parked, 2), 10_000);
    const flush = await home.command('flush', '--wait');
    assert.equal(flush.code, 4);
    assert.match(flush.stdout, /2 changes parked: retry or discard/);
    assert.equal((await home.command('discard', '/given-up')).code, 2); // nobody there to agree
    assert.equal((await home.status()).edits, 2);
    const discarded = await home.command('discard', '--yes', '/given-up');
    assert.equal(discarded.code, 0, discarded.stderr);
    assert.equal(await home.client.get('/given-up'), undefined);
    home.proxy.clear();
    assert.match((await home.command('retry', '/again')).stdout, /trying 1 change again now/);
    await home.drained();
    assert.deepEqual(await home.tree(), { '/again': CONTENT });
    const [entry] = await trashOf(home);
    assert.deepEqual([entry?.path, entry?.cause, entry?.isLocalOnly], ['/given-up', 'discarded', true]);
    assert.equal((await home.command('trash', 'restore', entry?.id ?? '')).code, 0);
    await home.drained();
    assert.equal((await home.tree())['/given-up'], `${CONTENT}too`);
  });

  test('is lost by discard --no-keep, and the version of the grid is shown again', async () => {
    await using home = await BackHome.start(RESTING);
    assert.equal(await home.client.put('/file', 'first'), 201);
    await home.flushed();
    assert.equal(await home.client.put('/file', 'second'), 204);
    assert.equal((await home.command('discard', '--yes', '--no-keep', '/file')).code, 0);
    assert.equal(await home.client.get('/file'), 'first');
    assert.deepEqual(await trashOf(home), []);
    assert.equal((await home.status()).edits, 0);
  });
});

describe('the trash', { concurrency: 2 }, () => {
  for (const [where, isSynced] of [
    ['reached the grid', true],
    ['never reached the grid', false],
  ] as const) {
    test(`gives back what was deleted and what was overwritten, and ${where}`, async () => {
      await using home = await BackHome.start(RESTING);
      const settle = (): Promise<void> => (isSynced ? home.flushed() : Promise.resolve());
      assert.equal(await home.client.put('/deleted', 'deleted'), 201);
      assert.equal(await home.client.put('/replaced', 'old'), 201);
      await settle();
      assert.equal(await home.client.remove('/deleted'), 204);
      assert.equal(await home.client.put('/replaced', 'new'), 204);
      await settle();
      const entries = new Map((await trashOf(home)).map((entry) => [entry.path, entry]));
      assert.deepEqual(
        ['/deleted', '/replaced'].map((path) => [entries.get(path)?.cause, entries.get(path)?.isLocalOnly]),
        [
          ['deleted', !isSynced],
          ['replaced', !isSynced],
        ],
      );
      const restore = async (path: string): Promise<string> =>
        (await home.command('trash', 'restore', entries.get(path)?.id ?? '')).stdout;
      assert.equal(await restore('/deleted'), 'restored /deleted\n');
      assert.equal(await home.client.get('/deleted'), 'deleted');
      const beside = /^restored (\/replaced \(restored .*\))\n$/.exec(await restore('/replaced'))?.[1] ?? '';
      assert.equal(await home.client.get(encodeURI(beside)), 'old');
      assert.equal(await home.client.get('/replaced'), 'new');
      await home.flushed();
      assert.deepEqual(await home.tree(), { '/deleted': 'deleted', '/replaced': 'new', [beside]: 'old' });
      assert.equal((await home.command('trash', 'restore', 'nothing')).code, 1);
    });
  }

  test('forgets what it is told to, and says how much', async () => {
    await using home = await BackHome.start(RESTING);
    for (const name of ['/a', '/b']) {
      assert.equal(await home.client.put(name, name), 201);
      assert.equal(await home.client.remove(name), 204);
    }
    assert.equal((await trashOf(home)).length, 2);
    assert.match(
      (await home.command('trash', 'purge', '--yes', '--older-than', '1h')).stdout,
      /forgot 0 entries/,
    );
    assert.match((await home.command('trash', 'purge', '--yes')).stdout, /forgot 2 entries/);
    assert.equal((await home.command('trash', 'list')).stdout, 'the trash is empty\n');
  });
});
