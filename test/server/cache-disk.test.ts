// The disk of the cache loses, alters and mixes up what lies on it, or is full: clients get the right bytes while the
// gateway is there, and a refusal or a broken answer while it is not.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFile, open, rename, rm, truncate } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import {
  assertRefusedOrBroken,
  assertWhole,
  freshBytes,
  getFile,
  MIB,
  type ReadScene,
  readScene,
} from './read-scene.ts';

describe("the cache's disk", () => {
  let scene: ReadScene;
  before(async () => {
    scene = await readScene(['--buffer-size', '0'], { dirCacheTime: '60s' });
  });
  after(async () => {
    await scene?.[Symbol.asyncDispose]();
  });

  const flip = async (path: string): Promise<void> => {
    await using handle = await open(path, 'r+');
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, 200_000);
    byte[0] = (byte[0] ?? 0) ^ 1;
    await handle.write(byte, 0, 1, 200_000);
  };
  const swap = async (one: string, other: string): Promise<void> => {
    await copyFile(one, `${one}.tmp`);
    await copyFile(other, one);
    await copyFile(`${one}.tmp`, other);
    await rm(`${one}.tmp`);
  };
  const exchange = async (one: string, other: string): Promise<void> => {
    await rename(one, `${one}.tmp`);
    await rename(other, one);
    await rename(`${one}.tmp`, other);
  };

  const harms: ReadonlyArray<readonly [string, (one: string, other: string) => Promise<void>]> = [
    ['deletes a block file', (one) => rm(one)],
    ['flips a bit', flip],
    ['cuts a block file short', (one) => truncate(one, 300_000)],
    ['empties a block file', (one) => truncate(one, 0)],
    ["swaps two block files' bytes", swap],
    ['swaps two block files', exchange],
    [
      'loses the folder of blocks',
      (one) => rm(one.slice(0, one.lastIndexOf('/blocks/') + 7), { recursive: true }),
    ],
  ];
  for (const [n, [about, harm]] of harms.entries()) {
    test(`that ${about} costs a fetch, or a refusal while the gateway is down`, async () => {
      const known = new Set(await scene.blockFiles());
      const contents = [freshBytes(2 * MIB), freshBytes(2 * MIB + 5), freshBytes(MIB)];
      const urls: string[] = [];
      for (const [i, bytes] of contents.entries()) {
        const url = await scene.put(`disk-${n}-${i}`, bytes);
        assertWhole(await getFile(url), bytes);
        urls.push(url);
      }
      const isFresh = (path: string): boolean => !known.has(path);
      let files = (await scene.blockFiles()).filter(isFresh);
      while (files.length < contents.length) {
        await delay(10);
        files = (await scene.blockFiles()).filter(isFresh);
      }
      await harm(files[0] ?? '', files[1] ?? '');
      await scene.proxy.refuse();
      let whole = 0;
      for (const [i, url] of urls.entries()) {
        const got = await getFile(url);
        if (got.isWhole && got.status === 200) {
          assertWhole(got, contents[i] ?? Buffer.alloc(0));
          whole += 1;
        } else {
          assertRefusedOrBroken(got);
        }
      }
      await scene.proxy.accept();
      if (n < 4) {
        assert.ok(whole >= 2, `${whole} files are left`); // the others are as they were
      }
      for (const _time of ['fetched', 'kept again']) {
        for (const [i, url] of urls.entries()) {
          assertWhole(await getFile(url), contents[i] ?? Buffer.alloc(0));
        }
      }
      await scene.proxy.refuse();
      for (const [i, url] of urls.entries()) {
        assertWhole(await getFile(url), contents[i] ?? Buffer.alloc(0));
      }
      await scene.proxy.accept();
    });
  }

  test('that is full keeps nobody from reading', async (t) => {
    await using folder = await temporaryFolder();
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', folder.path]).status !== 0) {
      t.skip('this machine lets nobody mount a tmpfs');
      return;
    }
    try {
      await using full = await readScene(['--cache-min-free-space', '0'], { cacheDir: folder.path });
      const small = freshBytes(MIB);
      const large = freshBytes(24 * MIB);
      const smallUrl = await full.put('small', small);
      const url = await full.put('large', large);
      assertWhole(await getFile(smallUrl), small);
      const got = await Promise.all([getFile(url), getFile(url)]);
      for (const one of got) {
        assertWhole(one, large);
      }
      assertWhole(await getFile(url), large);
      assertWhole(await getFile(smallUrl), small);
    } finally {
      spawnSync('umount', [folder.path]);
    }
  });
});
