import assert from 'node:assert/strict';
import { copyFile, open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseCap, storageIndexOf } from '../../src/tahoe/caps.ts';
import { uri } from '../contract/web-api-client.ts';
import { startTemporaryGateway, type TemporaryGateway } from './temporary-gateway.ts';

const SEGMENT = 1 << 20;

function pathOf(gateway: TemporaryGateway, cap: string): string {
  const parsed = parseCap(cap);
  const folder = parsed.kind === 'mutable' ? 'mutable' : 'immutable';
  return join(gateway.dataDir, folder, storageIndexOf(parsed) ?? '');
}

/** Flips one bit; a negative position counts from the end. */
async function flip(path: string, position: number): Promise<void> {
  const at = position < 0 ? (await stat(path)).size + position : position;
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 0x10;
    await file.write(byte, 0, 1, at);
  } finally {
    await file.close();
  }
}

describe('a damaged CHK file', () => {
  const body = Buffer.alloc(2 * SEGMENT + 500, 'content ');

  for (const [where, position] of [
    ['the first segment', 5],
    ['the hashes', -20],
    ['the version', -1],
  ] as const) {
    test(`in ${where} is 410 before the first byte`, async () => {
      await using gateway = await startTemporaryGateway();
      const cap = await gateway.api.store(body);
      await flip(pathOf(gateway, cap), position);
      const answer = await gateway.api.want(410, 'GET', uri(cap));
      assert.match(answer.text, /^NotEnoughSharesError/);
    });
  }

  test('in a later segment breaks the connection there, and is 410 for a range of it', async () => {
    await using gateway = await startTemporaryGateway();
    const cap = await gateway.api.store(body);
    await flip(pathOf(gateway, cap), 2 * SEGMENT + 10);
    await assert.rejects(gateway.api.ask('GET', uri(cap)), /aborted|hang up|ECONNRESET/);
    const range = { headers: { range: `bytes=${2 * SEGMENT}-${2 * SEGMENT + 9}` } };
    await gateway.api.want(410, 'GET', uri(cap), range);
    const good = { headers: { range: 'bytes=10-19' } };
    assert.ok((await gateway.api.want(206, 'GET', uri(cap), good)).body.equals(body.subarray(10, 20)));
  });

  test('is healthy to t=check until that verifies, and mended by storing it again', async () => {
    await using gateway = await startTemporaryGateway();
    const cap = await gateway.api.store(body);
    await flip(pathOf(gateway, cap), SEGMENT + 10);
    const check = `${uri(cap)}?t=check&output=JSON`;
    assert.match((await gateway.api.want(200, 'POST', check)).text, /"healthy":true/);
    const verified = (await gateway.api.want(200, 'POST', `${check}&verify=true`)).text;
    assert.match(verified, /"count-corrupt-shares":1.*"healthy":false/);
    assert.equal(await gateway.api.store(body), cap);
    assert.ok((await gateway.api.want(200, 'GET', uri(cap))).body.equals(body));
  });

  test('cut short or lengthened is 410', async () => {
    await using gateway = await startTemporaryGateway();
    const cap = await gateway.api.store(body);
    const file = await open(pathOf(gateway, cap), 'r+');
    await file.truncate(SEGMENT);
    await gateway.api.want(410, 'GET', uri(cap));
    await file.truncate(4 * SEGMENT);
    await gateway.api.want(410, 'GET', uri(cap));
    await file.close();
  });
});

describe('a damaged directory', () => {
  for (const [where, position] of [
    ['the version', 0],
    ['the sequence number', 9],
    ['the root hash', 20],
    ['the public key', 50],
    ['the signature', 100],
    ['the content', -40],
  ] as const) {
    test(`in ${where} is 410, and no write builds on it`, async () => {
      await using gateway = await startTemporaryGateway();
      const dir = await gateway.api.makeDirectory([['f', { ro_uri: 'URI:LIT:me' }]]);
      await gateway.restart(); // what is in memory is not damaged
      await flip(pathOf(gateway, dir), position);
      const before = await readFile(pathOf(gateway, dir));
      await gateway.api.want(410, 'GET', `${uri(dir)}?t=json`);
      await gateway.api.want(410, 'PUT', uri(dir, 'g'), { body: 'x' });
      assert.ok((await readFile(pathOf(gateway, dir))).equals(before));
    });
  }

  test('that is missing, or another one in its place, is 410', async () => {
    await using gateway = await startTemporaryGateway();
    const dir = await gateway.api.makeDirectory();
    const other = await gateway.api.makeDirectory();
    await unlink(pathOf(gateway, dir));
    await gateway.api.want(410, 'GET', `${uri(dir)}?t=json`);
    await copyFile(pathOf(gateway, other), pathOf(gateway, dir));
    await gateway.api.want(410, 'GET', `${uri(dir)}?t=json`);
  });
});

describe('a failed write', () => {
  test('leaves nothing in tmp', async () => {
    await using gateway = await startTemporaryGateway();
    const head = `PUT /uri HTTP/1.1\r\nHost: x\r\nContent-Length: ${5 * SEGMENT}\r\n\r\n`;
    await gateway.api.sendBytes(head + 'x'.repeat(3 * SEGMENT));
    await gateway.restart(async () => {
      assert.deepEqual(await readdir(join(gateway.dataDir, 'tmp')), []);
      assert.deepEqual(await readdir(join(gateway.dataDir, 'immutable')), []);
    });
  });
});
