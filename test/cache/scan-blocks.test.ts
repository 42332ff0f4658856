import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { PAGE_BYTES, SLOT_BYTES } from '../../src/cache/slots.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { blockFiles, blockOf, duOf, filesBelow, makeCache } from './make-cache.ts';

async function fill(folder: TemporaryFolder, contents: number): Promise<void> {
  const { cache } = await makeCache(folder.path);
  for (let n = 0; n < contents; n += 1) {
    await cache.content(`content ${n}`, BLOCK_BYTES).write(0, blockOf(n));
  }
  await cache.close();
}

describe('the start of a block cache', () => {
  test('makes a folder with the format in it, for its owner alone', async () => {
    await using folder = await temporaryFolder();
    const { cache } = await makeCache(folder.path);
    await cache.close();
    assert.deepEqual(await filesBelow(folder.path), [folder.file('blocks/format')]);
    assert.equal(await readFile(folder.file('blocks/format'), 'utf8'), '1\n');
  });

  test('removes what is not ours, and nothing else', async () => {
    await using folder = await temporaryFolder();
    await using elsewhere = await temporaryFolder();
    await fill(folder, 3);
    const [first = '', ...others] = await blockFiles(folder.path);
    const blocks = folder.file('blocks');
    await writeFile(elsewhere.file('mine'), 'keep');
    await writeFile(join(blocks, 'format.left.tmp'), 'x');
    await writeFile(join(blocks, '.DS_Store'), 'x');
    await mkdir(join(blocks, 'notes/deep'), { recursive: true });
    await writeFile(join(blocks, 'notes/a'), 'x');
    await mkdir(join(blocks, 'zz', 'z'.repeat(32)), { recursive: true });
    await writeFile(join(blocks, 'zz', 'z'.repeat(32), 'a'), 'x');
    await symlink(elsewhere.path, join(blocks, 'aa'));
    await symlink(elsewhere.file('mine'), join(blocks, 'zz', `zz${'a'.repeat(30)}`));
    await cp(first, join(blocks, 'zz', first.split('/').at(-1) ?? '')); // in another's place
    const { cache } = await makeCache(folder.path);
    const { blockFiles: count, usedBytes } = await cache.stats();
    assert.deepEqual({ count, usedBytes }, { count: 3, usedBytes: 3 * SLOT_BYTES });
    assert.deepEqual(await filesBelow(blocks), [first, ...others, join(blocks, 'format')].sort());
    assert.equal(await readFile(elsewhere.file('mine'), 'utf8'), 'keep');
    await cache.close();
  });

  test('is refused where a newer program wrote', async () => {
    for (const version of ['2', '17', '9'.repeat(30)]) {
      await using folder = await temporaryFolder();
      await fill(folder, 1);
      const before = await filesBelow(folder.path);
      await writeFile(folder.file('blocks/format'), `${version}\n`);
      await assert.rejects(makeCache(folder.path), {
        code: 'corrupt',
        message: /^the cached blocks have format \S+, this program knows 1$/,
        hint: /newer tahoe-webdav/,
      });
      assert.deepEqual(await filesBelow(folder.path), before);
    }
  });

  for (const text of [undefined, '', '0\n', 'one\n', '1']) {
    test(`empties what has the format ${JSON.stringify(text)}`, async () => {
      await using folder = await temporaryFolder();
      await fill(folder, 2);
      await (text === undefined
        ? rm(folder.file('blocks/format'))
        : writeFile(folder.file('blocks/format'), text));
      const { cache } = await makeCache(folder.path);
      assert.equal((await cache.stats()).blockFiles, 0);
      assert.equal(await cache.content('content 0', BLOCK_BYTES).read(0), undefined);
      assert.ok(await cache.content('content 0', BLOCK_BYTES).write(0, blockOf(0)));
      await cache.close();
      assert.equal((await filesBelow(folder.path)).length, 2);
    });
  }

  test('throws bad-config where a file stands in place of the folder', async () => {
    await using folder = await temporaryFolder();
    await writeFile(folder.file('blocks'), 'x');
    await assert.rejects(makeCache(folder.path), { code: 'bad-config' });
  });

  test('takes a time to come for now', async () => {
    await using folder = await temporaryFolder();
    await fill(folder, 2);
    const [path = ''] = await blockFiles(folder.path);
    await utimes(path, 4e9, 4e9);
    const { cache } = await makeCache(folder.path, { maxBytes: SLOT_BYTES });
    assert.deepEqual((await cache.stats()).blockFiles, 1);
    await cache.close();
  });

  test('counts what the disk says after a kill -9 in the middle of writing, within the cap', async () => {
    await using folder = await temporaryFolder();
    const maxBytes = 6 * 1024 * 1024;
    const program = fileURLToPath(new URL('cache-process.js', import.meta.url));
    for (const blocks of [40, 130, 290]) {
      const child = spawn(process.execPath, [program, folder.path, `${maxBytes}`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'close');
      for await (const line of createInterface(child.stdout)) {
        if (Number(line) >= blocks) {
          break;
        }
      }
      child.kill('SIGKILL');
      await ended;
      const du = await duOf(folder.path);
      assert.ok(du > 0 && du <= maxBytes, `${du} bytes`);
      const { cache } = await makeCache(folder.path, { maxBytes });
      const { usedBytes, blockFiles: files } = await cache.stats();
      const now = await duOf(folder.path);
      assert.ok(now <= usedBytes && usedBytes - now <= files * PAGE_BYTES, `${now} of ${usedBytes}`);
      for await (const { badBlocks } of cache.verify(true)) {
        assert.ok(badBlocks <= 6, 'no more than were being written');
      }
      await cache.close();
    }
  });
});
