// What a file's version is to those who read it: a mutable file while others write it, and a hash that is a lie.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { uri } from '../contract/web-api-client.ts';
import {
  assertRefusedOrBroken,
  assertWhole,
  freshBytes,
  getFile,
  MIB,
  readScene,
  sha256Of,
} from './read-scene.ts';

describe('a mutable file', () => {
  const content = (version: number): Buffer =>
    Buffer.alloc(300_000 + 40_000 * (version % 5), `version ${version}. `);

  test('is never mixed of versions while it is written, and served without the gateway afterwards', async () => {
    await using scene = await readScene([], { dirCacheTime: '3s' });
    const url = `${scene.server.url}mutable`;
    const write = (cap: string, version: number) =>
      scene.withApi((api) => api.want(200, 'PUT', uri(cap), { body: content(version) }));
    const cap = await scene.withApi(async (api) => {
      const made = await api.store(content(0), '?format=sdmf');
      await api.want(200, 'PUT', `${uri(scene.rootCap, 'mutable')}?t=uri`, { body: made });
      return made;
    });
    while ((await getFile(url)).status === 404) {
      await delay(100); // until the listing of before has aged
    }
    const versions = Array.from({ length: 25 }, (_, version) => content(version));
    const byHash = new Map(versions.map((bytes, version) => [sha256Of(bytes), version]));
    const etags = new Map<string, number>();
    let isWriting = true;
    const readOn = async (): Promise<number> => {
      let whole = 0;
      while (isWriting) {
        const got = await getFile(url);
        if (got.status === 200 && got.isWhole) {
          whole += 1;
          const version = byHash.get(got.sha256);
          assert.notEqual(version, undefined, 'a mix of versions');
          const etag = String(got.headers['etag']);
          assert.equal(etags.get(etag) ?? version, version, 'one ETag for two versions');
          etags.set(etag, version as number);
        } else {
          assertRefusedOrBroken(got);
        }
      }
      return whole;
    };
    const reading = [readOn(), readOn(), readOn()];
    for (let version = 1; version < versions.length; version += 1) {
      await write(cap, version);
      await delay(version % 3 === 0 ? 300 : 20);
    }
    isWriting = false;
    assert.ok((await Promise.all(reading)).every((whole) => whole > 0));
    await delay(3_000); // what is known of it ages
    const last = content(versions.length - 1);
    const before = await getFile(url);
    assertWhole(before, last);
    await scene.killGateway();
    const without = await getFile(url);
    assertWhole(without, last);
    assert.equal(without.headers['etag'], before.headers['etag']);
    const part = await getFile(url, { headers: { range: 'bytes=100000-299999' } });
    assert.deepEqual([part.status, part.sha256], [206, sha256Of(last.subarray(100_000, 300_000))]);
    await delay(3_100);
    assertWhole(await getFile(url), last); // nobody can be asked whether it is still so
  });
});

describe('a SHA-256 that was noted for other bytes', () => {
  test('is served by all the same, logged, and gives no ETag any more', async () => {
    await using scene = await readScene();
    const bytes = freshBytes(2 * MIB);
    const url = await scene.put('file', bytes);
    await scene.withApi(async (api) => {
      const { properties, metadata } = await api.child(scene.rootCap, 'file');
      const tw = { ...(metadata['tw'] as Record<string, unknown>), h: 'f'.repeat(43) };
      const forged = { ro_uri: String(properties['ro_uri']), metadata: { ...metadata, tw } };
      assert.equal((await api.setChildren(scene.rootCap, [['file', forged]])).status, 200);
    });
    await delay(1_100); // the listing ages
    const first = await getFile(url);
    assertWhole(first, bytes);
    assert.equal(first.headers['etag'], `"${'f'.repeat(22)}"`);
    const second = await getFile(url);
    assertWhole(second, bytes);
    assert.notEqual(second.headers['etag'], first.headers['etag']);
    assert.equal((await getFile(url)).headers['etag'], second.headers['etag']);
    assert.equal(scene.server.stderr().match(/SHA-256 noted on the grid does not fit/g)?.length, 1);
  });
});
