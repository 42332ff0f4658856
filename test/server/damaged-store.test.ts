// What a client gets, and what the log says, when a store in the cache directory is damaged.
import assert from 'node:assert/strict';
import { mkdir, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { DavClient } from './dav-client.ts';
import { assertGoodBytesFollow, assertReads, errorsIn, UsedHome } from './used-home.ts';

async function garbage(file: string): Promise<void> {
  await writeFile(file, 'this is no database, but long enough to be read as the head of one'.repeat(100));
}

async function halve(file: string): Promise<void> {
  await truncate(file, Math.floor((await stat(file)).size / 2));
}

async function flipMiddle(file: string): Promise<void> {
  await using handle = await open(file, 'r+');
  const middle = Buffer.alloc(9_000);
  const at = Math.floor((await handle.stat()).size / 2);
  const { bytesRead } = await handle.read(middle, 0, middle.length, at);
  await handle.write(
    middle.subarray(0, bytesRead).map((byte) => byte ^ 0xff),
    0,
    bytesRead,
    at,
  );
}

const damages = [
  ['garbage', garbage, 'SIGTERM'],
  ['half a store', halve, 'SIGKILL'],
  ['flipped bytes in the middle', flipMiddle, 'SIGTERM'],
] as const;

describe('a start with a damaged store', () => {
  for (const [what, damage, end] of damages) {
    test(`goes on after ${end} with ${what} in it`, async () => {
      await using home = await UsedHome.make(end);
      await rm(home.file('local.sqlite-wal'), { force: true });
      await damage(home.file('local.sqlite'));
      await using server = await home.start();
      const [place = '', ...more] = await home.setAside();
      assert.notEqual(place, '');
      assert.deepEqual(more, []);
      const errors = errorsIn(server);
      assert.equal(errors.length, 1, server.stderr());
      assert.ok(errors[0]?.includes(home.file(place)));
      await assertGoodBytesFollow(home, server);
    });
  }

  test('reads, and refuses writes with 503, while unsynced contents lie beside it', async () => {
    await using home = await UsedHome.make();
    await mkdir(home.file('dirty'), { recursive: true });
    await writeFile(home.file('dirty/content'), 'sealed');
    await garbage(home.file('local.sqlite'));
    for (let start = 0; start < 2; start += 1) {
      await using server = await home.start();
      await using client = new DavClient(server.url);
      await assertReads(client, '/kept');
      assert.deepEqual(await client.list('/'), ['/kept']);
      for (const [method, path, headers] of [
        ['PUT', '/new', {}],
        ['PUT', '/kept', {}],
        ['MKCOL', '/collection', {}],
        ['MOVE', '/kept', { Destination: '/moved' }],
        ['COPY', '/kept', { Destination: '/copied' }],
        ['DELETE', '/kept', {}],
      ] as const) {
        const body = method === 'PUT' ? { body: 'x' } : {};
        const answer = await client.send(method, path, { headers, ...body });
        assert.equal(answer.status, 503, `${method} ${path}`);
        assert.match(String(answer.headers['retry-after']), /^\d+$/);
        assert.match(answer.body, /recover or discard/);
      }
      await assertReads(client, '/kept');
      assert.match(server.stderr(), / error: writes are refused/);
      assert.equal(await readFile(home.file('dirty/content'), 'utf8'), 'sealed');
    }
    await rm(home.file('dirty'), { recursive: true });
    await using server = await home.start();
    await assertGoodBytesFollow(home, server);
  });

  test('begins with no locks where it is the store of locks', async () => {
    await using home = await UsedHome.make();
    await garbage(home.file('shared.sqlite'));
    await using server = await home.start();
    assert.match(server.stderr(), / error: the store of locks is damaged/);
    await assertGoodBytesFollow(home, server);
  });
});
