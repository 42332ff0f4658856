// What the grid is asked for, counted: programs save in odd ways, and each of them costs one upload and few dirnodes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BackHome } from './back-home.ts';

const MIB = 2 ** 20;

describe('what is sent to the grid', () => {
  test('is the content once where a program saves to a temporary file and renames it', async () => {
    await using home = await BackHome.start(['--write-back', '500ms']);
    const content = Buffer.alloc(MIB, 'c');
    assert.equal(await home.client.put('/file', 'first'), 201);
    await home.drained();
    const before = home.uploads();
    assert.equal(await home.client.put('/.file.tmp', content), 201);
    assert.equal(await home.client.transfer('MOVE', '/.file.tmp', '/file'), 204);
    await home.drained();
    const { count, bytes } = home.uploads();
    assert.deepEqual([count - before.count, bytes - before.bytes], [1, MIB]);
    assert.deepEqual(await home.tree(), { '/file': content.toString() });
  });

  // 20 MiB where 100 MiB would only take longer: what counts is that no version but the last is sent.
  test('is the last version alone of a file that is written 20 times within its rest', async () => {
    await using home = await BackHome.start(['--write-back', '3s']);
    const size = 20 * MIB;
    for (let i = 0; i < 20; i += 1) {
      const body = Buffer.alloc(size, String(i % 10));
      assert.equal(await home.client.put('/file', body), i === 0 ? 201 : 204);
    }
    await home.drained();
    assert.deepEqual(home.uploads(), { count: 1, bytes: size });
    assert.equal((await home.tree())['/file'], '9'.repeat(size));
  });

  test('is one write of each directory and one of its parent for a tree of 300 directories', async (t) => {
    await using home = await BackHome.start(['--write-back', '500ms']);
    const { client, proxy } = home;
    let directories = 0;
    for (let i = 0; i < 30; i += 1) {
      for (const path of [`/tree${i}`, ...Array.from({ length: 9 }, (_, n) => `/tree${i}/sub${n}`)]) {
        directories += 1;
        assert.equal(await client.mkcol(path), 201);
        assert.equal(await client.put(`${path}/one`, 'one'), 201);
        assert.equal(await client.put(`${path}/two`, 'two'), 201);
      }
    }
    await home.drained(60_000);
    const made = proxy.count('POST', /t=mkdir/);
    const linked = proxy.count('POST', /t=set_children/);
    t.diagnostic(`${directories} directories: ${made} made, ${linked} set_children`);
    assert.equal(directories, 300);
    assert.ok(made <= directories, `${made} made`);
    assert.ok(made + linked <= 2 * directories, `${made} made, ${linked} linked`);
    assert.equal(Object.keys(await home.tree()).length, 900);
  });
});
