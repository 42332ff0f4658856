import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Gateway, startGateway } from '../../src/gateway/server.ts';
import { sha256 } from '../../src/seal/hash.ts';
import { parseCap, storageIndexOf } from '../../src/tahoe/caps.ts';
import { WebApi } from '../contract/web-api-client.ts';
import { projectDir } from '../project.ts';

interface Vectors {
  readonly immutables: ReadonlyArray<{ content: string; sizeBytes: number; cap: string; fileSha256: string }>;
  readonly directory: { cap: string; storageIndex: string; file: string; children: Record<string, unknown> };
}

const vectors = JSON.parse(
  await readFile(join(projectDir, 'test', 'vectors', 'gateway.json'), 'utf8'),
) as Vectors;

describe('the format on disk', () => {
  let dataDir = '';
  let gateway: Gateway | undefined;
  let api = new WebApi('http://127.0.0.1');
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'gateway-format-'));
    await mkdir(join(dataDir, 'private'));
    await mkdir(join(dataDir, 'mutable'));
    await writeFile(join(dataDir, 'private', 'convergence'), `${'a'.repeat(52)}\n`);
    const { storageIndex, file } = vectors.directory;
    await writeFile(join(dataDir, 'mutable', storageIndex), Buffer.from(file, 'base64'));
    gateway = await startGateway({ dataDir, listen: { host: '127.0.0.1', port: 0 } });
    api = new WebApi(gateway.url);
  });
  after(async () => {
    await api[Symbol.asyncDispose]();
    await gateway?.close();
    await rm(dataDir, { recursive: true });
  });

  for (const { content, sizeBytes, cap, fileSha256 } of vectors.immutables) {
    test(`of an immutable file of ${sizeBytes} bytes is what it was`, async () => {
      assert.equal(await api.store(Buffer.alloc(sizeBytes, content)), cap);
      const file = await readFile(join(dataDir, 'immutable', storageIndexOf(parseCap(cap)) ?? ''));
      assert.equal(sha256(file).toString('hex'), fileSha256);
    });
  }

  test('of a directory is still read', async () => {
    const [, { children }] = await api.json(vectors.directory.cap);
    assert.deepEqual(children, vectors.directory.children);
  });
});
