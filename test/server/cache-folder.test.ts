// What a client gets, and what the log says, when the cache directory is lost, foreign, in use, full or read-only.
import assert from 'node:assert/strict';
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { KeyvSqlite } from '@keyv/sqlite';
import { TABLE } from '../../src/meta/backend.ts';
import { bin, run } from '../cli/run.ts';
import { diskSkip, temporaryDisk } from '../fakes/temporary-disk.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { timed } from '../faults/scene.ts';
import { DavClient } from './dav-client.ts';
import { startServer } from './server-process.ts';
import { assertGoodBytesFollow, assertReads, errorsIn, LARGE, UsedHome } from './used-home.ts';

describe('a start with a salt', () => {
  for (const [what, lose, unsynced] of [
    ['that is gone', (file: string) => rm(file), 'notes of changes'],
    ['of another folder', (file: string) => writeFile(file, Buffer.alloc(32, 7)), 'contents'],
    ['cut short', (file: string) => truncate(file, 5), undefined],
  ] as const) {
    test(`${what} begins an empty cache`, async () => {
      await using home = await UsedHome.make();
      await forgetNotes(home);
      await lose(home.file('salt'));
      await using server = await home.start();
      assert.equal((await home.setAside()).length, 1);
      assert.equal(errorsIn(server).length, 1, server.stderr());
      assert.match(server.stderr(), /the key of the cache directory is lost/);
      await assertGoodBytesFollow(home, server);
    });

    if (unsynced !== undefined) {
      test(`${what} is refused while unsynced ${unsynced} lie there, and all is left as it is`, async () => {
        await using home = await UsedHome.make();
        if (unsynced === 'contents') {
          await forgetNotes(home);
          await mkdir(home.file('dirty'), { recursive: true });
          await writeFile(home.file('dirty/content'), 'sealed');
        }
        await lose(home.file('salt'));
        const { code, stdout, stderr } = await home.refused();
        assert.equal(code, 5, stderr);
        assert.equal(stdout, '');
        assert.match(stderr, /^tahoe-webdav: .*put .*back/m);
        assert.deepEqual(await home.setAside(), []);
        await home.assertOthersUntouched();
      });
    }
  }
});

/** As it is 45 s after the last change, when all were proved to have stayed on the grid. */
async function forgetNotes(home: UsedHome): Promise<void> {
  const adapter = new KeyvSqlite({ uri: `sqlite://${home.file('local.sqlite')}`, table: TABLE });
  const noted = await adapter.query(`DELETE FROM ${TABLE} WHERE key LIKE 'edit/%' RETURNING key`);
  assert.ok((noted as unknown[]).length > 0, 'nothing was noted');
  await adapter.close();
}

describe('a second server on the same cache directory', () => {
  test('is refused in one line, and starts after the first was killed', async () => {
    await using home = await UsedHome.make();
    await using first = await home.start();
    const { code, stdout, stderr } = await home.refused();
    assert.equal(code, 1, stderr);
    assert.equal(stdout, '');
    await using client = new DavClient(first.url);
    assert.equal(await client.put('/still', 'here'), 201);
    await first.kill('SIGKILL');
    await using second = await home.start();
    await assertGoodBytesFollow(home, second);
  });
});

const skip = { tmpfs: await diskSkip('tmpfs'), ext4: await diskSkip('ext4') };

describe('a cache directory', () => {
  test('on a read-only disk ends the start with 2 and one line that says so', {
    skip: skip.tmpfs,
  }, async () => {
    await using disk = await temporaryDisk('tmpfs', 16);
    await using home = await temporaryFolder();
    await disk.remount('ro');
    const { code, stdout, stderr } = await run(
      bin,
      ['serve', '--addr', '127.0.0.1:0', '--cache-dir', disk.path],
      { HOME: home.path, XDG_CONFIG_HOME: home.file('config'), XDG_DATA_HOME: home.file('data') },
    );
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    const lines = stderr.split('\n').filter((line) => line !== '' && !/ warn: /.test(line));
    assert.equal(lines.length, 1, stderr);
    assert.match(lines[0] ?? '', /mounted read-only.*--cache-dir/);
  });

  test('whose disk fills up refuses writes with 507, reads on, and recovers by itself', {
    skip: skip.tmpfs,
  }, async () => {
    await using disk = await temporaryDisk('tmpfs', 24);
    await using server = await startServer({ args: ['--cache-dir', disk.path], writeMode: 'through' });
    await using client = new DavClient(server.url);
    assert.equal(await client.put('/kept', LARGE), 201);
    await disk.fill();
    let status = 0;
    for (let nth = 0; status !== 507; nth += 1) {
      status = await client.put(`/filling-${nth}`, LARGE); // until the log's own pages are used up
      assert.ok(status === 201 || status === 507, `${status}`);
    }
    await assertReads(client, '/kept');
    await disk.empty();
    assert.equal(await client.put('/new', LARGE), 201);
    await assertReads(client, '/new');
    assert.equal(await server.kill('SIGTERM'), 0);
  });

  test('whose disk turns read-only reads on, and says that writes need a new start', {
    skip: skip.ext4,
  }, async () => {
    await using disk = await temporaryDisk('ext4', 32);
    await using server = await startServer({ args: ['--cache-dir', disk.path], writeMode: 'through' });
    await using client = new DavClient(server.url);
    assert.equal(await client.put('/kept', LARGE), 201);
    await disk.remount('abort');
    for (let nth = 0; nth < 2; nth += 1) {
      const { status, body } = await client.send('PUT', '/new', { body: LARGE });
      assert.equal(status, 503);
      assert.match(body, nth === 0 ? /can not be written/ : /nothing is written any more/);
    }
    await assertReads(client, '/kept');
    const { result, ms } = await timed(() => server.kill('SIGTERM'));
    assert.equal(result, 0);
    assert.ok(ms < 10_000, `ended after ${ms} ms`);
    assert.doesNotMatch(server.stderr(), /^tahoe-webdav: /m);
  });
});
