import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { DirtyManifest } from '../../src/dirty/manifest.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { projectDir } from '../project.ts';
import { makeDirty, readAll } from './make-dirty.ts';

interface FileVector {
  readonly key: string;
  readonly manifestKey: string;
  readonly id: string;
  readonly content: string;
  readonly manifest: DirtyManifest;
  readonly file: string;
}

const vectors = JSON.parse(
  readFileSync(join(projectDir, 'test/vectors/dirty.json'), 'utf8'),
) as readonly FileVector[];

describe('the format of dirty files', () => {
  for (const { key, manifestKey, id, content, manifest, file } of vectors) {
    test(`opens what was sealed when it was made (${content.length / 2} bytes)`, async () => {
      await using folder = await temporaryFolder();
      await mkdir(folder.file('dirty'));
      await writeFile(join(folder.file('dirty'), id), Buffer.from(file, 'hex'));
      const store = await makeDirty(folder.path, {
        key: Buffer.from(key, 'hex'),
        manifestKey: Buffer.from(manifestKey, 'hex'),
      });
      assert.deepEqual(store.ids(), [id]);
      assert.deepEqual(await store.manifest(id), manifest);
      assert.equal((await readAll(store, id, content.length / 2)).toString('hex'), content);
      assert.equal(await store.isFinished(id), true);
      await store.close();
    });
  }
});
