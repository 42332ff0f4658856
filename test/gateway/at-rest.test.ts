import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { decodeBase32 } from '../../src/base/base32.ts';
import { startGateway } from '../../src/gateway/server.ts';
import { parseCap, readKeyOf } from '../../src/tahoe/caps.ts';
import { uri, WebApi } from '../contract/web-api-client.ts';
import { startTemporaryGateway } from './temporary-gateway.ts';

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

describe('the data directory', () => {
  test('shows no content, name, metadata, cap or key to who has no cap', async () => {
    await using gateway = await startTemporaryGateway();
    const { api, dataDir } = gateway;
    const marks = [
      'a marked name',
      'a marked value',
      'a marked line of a small file',
      'a marked line of a large file',
    ];
    const dir = await api.makeDirectory();
    const sub = await api.makeDirectory();
    const mutable = await api.store('a marked line of a small file', '?format=SDMF');
    const small = await api.store('a marked line of a small file '.repeat(5));
    const large = await api.store('a marked line of a large file '.repeat(100_000));
    const answer = await api.setChildren(dir, [
      ['a marked name', { ro_uri: small, metadata: { mark: 'a marked value' } }],
      ['large', { ro_uri: large }],
      ['mutable', { rw_uri: mutable }],
      ['sub', { rw_uri: sub }],
    ]);
    assert.equal(answer.status, 200);
    const caps = [dir, sub, mutable, small, large];
    const keys = caps.flatMap((cap) => {
      const parsed = parseCap(cap);
      assert.ok(parsed.kind === 'chk' || parsed.kind === 'mutable');
      return parsed.kind === 'chk' ? [parsed.readKey] : [parsed.key, readKeyOf(parsed.key)];
    });
    const keyTexts = caps.map((cap) => cap.split(':')[2] ?? '');
    assert.ok(keyTexts.every((text) => decodeBase32(text)?.length === 16));
    const files = await filesIn(dataDir);
    assert.equal(files.filter((file) => /immutable|mutable/.test(file)).length, 5);
    for (const file of files) {
      const bytes = await readFile(file);
      for (const secret of [...marks, 'URI:', ...keyTexts, ...keys]) {
        assert.equal(bytes.includes(secret), false, `${file} holds ${String(secret).slice(0, 15)}`);
      }
    }
  });

  test('shows nothing of an upload under way', async () => {
    await using gateway = await startTemporaryGateway();
    const { api, dataDir } = gateway;
    const mark = 'a marked line of a large file ';
    const line = Buffer.from(mark.repeat(100_000));
    let wasSeen = false;
    const look = async (): Promise<void> => {
      for (const name of await readdir(join(dataDir, 'tmp'))) {
        const bytes = await readFile(join(dataDir, 'tmp', name)).catch(() => Buffer.alloc(0)); // finished meanwhile
        wasSeen ||= bytes.length > 1 << 20;
        assert.equal(bytes.includes(mark.trim()), false);
      }
    };
    let isUploading = true;
    const upload = api.ask('PUT', '/uri', { body: Array<Buffer>(20).fill(line) }).finally(() => {
      isUploading = false;
    });
    while (isUploading) {
      await look();
    }
    assert.equal((await upload).status, 200);
    assert.ok(wasSeen, 'the upload was never seen in tmp');
  });

  test('gives a reader of a directory none of its write caps', async () => {
    await using gateway = await startTemporaryGateway();
    const sub = await gateway.api.makeDirectory();
    const dir = await gateway.api.makeDirectory([['sub', { rw_uri: sub }]]);
    const readCap = await gateway.api.readCapOf(dir);
    await gateway.api.list(dir); // now in memory, with its write caps
    const { text } = await gateway.api.want(200, 'GET', `${uri(readCap)}?t=json`);
    assert.equal(text.includes(sub), false);
    assert.equal(text.includes('rw_uri'), false);
  });
});

function mountTmpfs(folder: string): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return 'mounting a small disk needs root on Linux';
  }
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
  return mounted.status === 0 ? false : 'this machine lets nobody mount a tmpfs';
}

describe('a full disk', () => {
  test('refuses and loses nothing', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'gateway-full-'));
    const reason = mountTmpfs(folder);
    if (reason) {
      await rm(folder, { recursive: true });
      assert.notEqual(process.env['REQUIRE_REAL'], '1', reason);
      context.skip(reason);
      return;
    }
    try {
      await using gateway = await startGateway({
        dataDir: join(folder, 'data'),
        listen: { host: '127.0.0.1', port: 0 },
      });
      await using api = new WebApi(gateway.url);
      const dir = await api.makeDirectory([['kept', { ro_uri: 'URI:LIT:me' }]]);
      const whole = await api.store(Buffer.alloc(1 << 20, 1));
      const large = await api.want(500, 'PUT', uri(dir, 'large'), { body: Buffer.alloc(8 << 20, 2) });
      assert.match(large.text, /allmydata\.interfaces\.UploadUnhappinessError/);
      assert.deepEqual(await readdir(join(folder, 'data', 'tmp')), []);
      let stored = 0;
      while ((await api.ask('PUT', '/uri', { body: Buffer.alloc(100_000, stored) })).status === 200) {
        stored += 1;
        assert.ok(stored < 100);
      }
      while ((await api.ask('PUT', '/uri', { body: Buffer.alloc(3000, stored) })).status === 200) {
        stored += 1;
        assert.ok(stored < 1000);
      }
      const entries = Array.from({ length: 40 }, (_, i) => [`n${i}`, { ro_uri: whole }] as const);
      await api.want(500, 'POST', `${uri(dir)}?t=set_children`, {
        body: JSON.stringify(Object.fromEntries(entries.map(([name, entry]) => [name, ['filenode', entry]]))),
      });
      assert.deepEqual([...(await api.list(dir)).keys()], ['kept']);
      assert.equal((await api.want(200, 'GET', uri(whole))).body.length, 1 << 20);
      const space = JSON.parse((await api.want(200, 'GET', '/?t=json')).text) as {
        servers: Array<{ available_space: number }>;
      };
      assert.ok((space.servers[0]?.available_space ?? 1e9) < 100_000);
    } finally {
      spawnSync('umount', [folder]);
      await rm(folder, { recursive: true });
    }
  });
});
