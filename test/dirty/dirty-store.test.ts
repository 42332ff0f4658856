import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { bytesOf, makeDirty, part, put, readAll } from './make-dirty.ts';

const B = BLOCK_BYTES;

describe('DirtyStore', () => {
  for (const size of [0, 1, B - 1, B, B + 1, 4 * B, 4 * B + 1, 9 * B + 500]) {
    for (const pieceBytes of [1_000, 65_536, 3 * B + 7]) {
      test(`gives back ${size} bytes that came ${pieceBytes} at once, also after it was opened again`, async () => {
        await using folder = await temporaryFolder();
        const bytes = bytesOf(size);
        const store = await makeDirty(folder.path);
        const { id, sizeBytes, sha256 } = await put(store, bytes, pieceBytes);
        assert.equal(sizeBytes, size);
        assert.equal(sha256, createHash('sha256').update(bytes).digest('base64url'));
        assert.deepEqual(store.ids(), [id]);
        assert.ok((await readAll(store, id, size)).equals(bytes));
        await store.close();
        const again = await makeDirty(folder.path);
        assert.deepEqual(again.ids(), [id]);
        assert.ok((await readAll(again, id, size)).equals(bytes));
        const { writtenAtMs, counter, ...rest } = await again.manifest(id);
        assert.deepEqual(rest, { ...part, sizeBytes: size, sha256 });
        assert.ok(Math.abs(Date.now() - writtenAtMs) < 60_000);
        assert.ok(counter > writtenAtMs);
        await again.close();
      });
    }
  }

  test('keeps runs of zeros as holes', async () => {
    await using folder = await temporaryFolder();
    const bytes = Buffer.concat([bytesOf(2 * B), Buffer.alloc(20 * B), bytesOf(B + 1), Buffer.alloc(3 * B)]);
    const store = await makeDirty(folder.path);
    const { id } = await put(store, bytes);
    assert.ok((await readAll(store, id, bytes.length)).equals(bytes));
    const { blocks } = await stat(join(folder.path, 'dirty', id));
    assert.ok(blocks * 512 <= 4 * (B + 8192) + 25 * 4096, `${blocks} sectors`);
    await store.close();
  });

  test('shows nothing of content, path or cap on disk, and the files to their owner only', async () => {
    await using folder = await temporaryFolder();
    const store = await makeDirty(folder.path);
    await put(store, Buffer.from('a secret content'));
    const dirty = join(folder.path, 'dirty');
    const [name = ''] = await readdir(dirty);
    const bytes = await readFile(join(dirty, name));
    for (const secret of ['secret', 'B.txt', 'cap of', 'text/plain', 'sha256']) {
      assert.equal(bytes.includes(secret), false, secret);
    }
    assert.match(name, /^[a-z2-7]{26}$/);
    assert.equal((await stat(dirty)).mode & 0o777, 0o700);
    assert.equal((await stat(join(dirty, name))).mode & 0o777, 0o600);
    await store.close();
  });
});
