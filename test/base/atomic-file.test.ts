import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { replaceFile, syncFolder } from '../../src/base/atomic-file.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

describe('replaceFile', () => {
  test('makes a file with the mode asked for, and replaces it', async () => {
    await using folder = await temporaryFolder();
    for (const text of ['one', 'two']) {
      await replaceFile(folder.file('a'), folder.file('a.tmp'), 0o600, async (file) => {
        await file.writeFile(text);
      });
      assert.equal(await readFile(folder.file('a'), 'utf8'), text);
    }
    assert.deepEqual(await readdir(folder.path), ['a']);
    if (process.platform !== 'win32') {
      assert.equal((await stat(folder.file('a'))).mode & 0o777, 0o600);
    }
  });

  test('shows the old file until all of the new one is there', async () => {
    await using folder = await temporaryFolder();
    await writeFile(folder.file('a'), 'old');
    await replaceFile(folder.file('a'), folder.file('a.tmp'), 0o600, async (file) => {
      await file.writeFile('new');
      assert.equal(await readFile(folder.file('a'), 'utf8'), 'old');
    });
    assert.equal(await readFile(folder.file('a'), 'utf8'), 'new');
  });

  test('leaves the old file and no other when the new one fails half way', async () => {
    await using folder = await temporaryFolder();
    await writeFile(folder.file('a'), 'old');
    const failing = replaceFile(folder.file('a'), folder.file('a.tmp'), 0o600, async (file) => {
      await file.writeFile('half');
      throw new Error('no more');
    });
    await assert.rejects(failing, /no more/);
    assert.deepEqual(await readdir(folder.path), ['a']);
    assert.equal(await readFile(folder.file('a'), 'utf8'), 'old');
  });

  test('touches nothing where the temporary name is taken or the target is a folder', async () => {
    await using folder = await temporaryFolder();
    await writeFile(folder.file('a.tmp'), 'of another');
    const write = (target: string): Promise<void> =>
      replaceFile(target, folder.file('a.tmp'), 0o600, async (file) => file.writeFile('mine'));
    await assert.rejects(write(folder.file('a')), { code: 'EEXIST' });
    assert.equal(await readFile(folder.file('a.tmp'), 'utf8'), 'of another');
    await assert.rejects(
      replaceFile(folder.path, folder.file('b.tmp'), 0o600, async (file) => file.writeFile('mine')),
    );
    assert.deepEqual(await readdir(folder.path), ['a.tmp']);
  });
});

describe('syncFolder', () => {
  test('rejects for a folder that is not there', async () => {
    await using folder = await temporaryFolder();
    await syncFolder(folder.path);
    await assert.rejects(syncFolder(folder.file('absent')), { code: 'ENOENT' });
  });
});
