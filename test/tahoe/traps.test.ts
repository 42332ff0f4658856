// The twelve ways in which a node's web API loses or corrupts data, and that the client walks into none of them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { randomBytes } from '../../src/seal/random.ts';
import { type ChkCap, chkText, litCapOf, parseCap, readOnlyText } from '../../src/tahoe/caps.ts';
import type { ChildLink, Grid } from '../../src/tahoe/grid.ts';
import { RetryingGrid } from '../../src/tahoe/retrying-grid.ts';
import { hastyClock } from '../fakes/hasty-clock.ts';
import { startFaultyGateway, startScriptedNode } from './harness.ts';
import { capVector } from './vectors.ts';

const dirCap = capVector('SDMF directory').cap;
const dirReadCap = capVector('SDMF directory read-only').cap;

const small = (text: string): ChildLink => ({
  kind: 'file',
  writeCap: undefined,
  readCap: litCapOf(Buffer.from(text)),
  metadata: {},
});

const link = (name: string, text = name): ReadonlyMap<string, ChildLink> => new Map([[name, small(text)]]);

function dirLink(writeCap: string): ChildLink {
  return { kind: 'directory', writeCap, readCap: readOnlyText(parseCap(writeCap)), metadata: {} };
}

/** A CHK cap of `sizeBytes` that no node knows. */
function someCap(sizeBytes: number): string {
  const fields = parseCap(capVector('CHK file of 56 bytes').cap) as ChkCap;
  return chkText({ ...fields, sizeBytes });
}

/** One call of each kind. */
async function useEverything(grid: Grid): Promise<void> {
  const bytes = randomBytes(3000);
  const file = await grid.upload({ bytes });
  await buffer(await grid.read(file, { start: 0, end: 3000 }));
  await buffer(await grid.read(file, { start: 10, end: 20 }));
  const sub = await grid.makeDirectory(link('..'));
  const dir = await grid.makeDirectory(new Map([['sub', dirLink(sub)]]));
  await grid.setChildren(dir, link('a//b'), false);
  await grid.setChildren(dir, link('.'), true);
  await grid.list(dir);
  await grid.check(dir);
  await grid.unlink(dir, '.');
  await grid.unlink(dir, 'a//b');
  await grid.space();
}

describe('HttpGrid', () => {
  test('never goes by a path below a cap, so that a node makes no parents on the way', async () => {
    await using faulty = await startFaultyGateway();
    await useEverything(faulty.grid);
    assert.ok(faulty.proxy.calls.length > 10);
    for (const { url } of faulty.proxy.calls) {
      assert.match(url, /^\/(?:uri(?:\/[A-Za-z0-9%-]+)?)?(?:\?[a-z=&_A-Z-]*)?$/);
    }
  });

  test('makes directories unlinked, and links them without replacing what stands there', async () => {
    await using faulty = await startFaultyGateway();
    const { grid, proxy } = faulty;
    const full = await grid.makeDirectory(link('precious'));
    const dir = await grid.makeDirectory(new Map([['N', dirLink(full)]]));
    const empty = await grid.makeDirectory(new Map());
    await assert.rejects(grid.setChildren(dir, new Map([['N', dirLink(empty)]]), false), { code: 'exists' });
    assert.equal((await grid.list(dir)).children.get('N')?.writeCap, full);
    assert.equal(proxy.count('POST', /t=mkdir(?!-with-children)|mkdir.*name=/), 0);
  });

  test('tells a write race apart, and does not repeat the write before its caller has looked', async () => {
    await using faulty = await startFaultyGateway();
    const grid = new RetryingGrid(faulty.grid, { retries: 3, clock: hastyClock(50), random: () => 0 });
    const dir = await grid.makeDirectory(new Map());
    const text = 'Traceback (most recent call last):\n  File "x.py"\nbuiltins.KeyError: (4, b\'root\', 0)\n';
    faulty.proxy.add({ url: /set_children|unlink/, fault: { do: 'answer', status: 500, text } });
    await assert.rejects(grid.setChildren(dir, link('a'), true), { code: 'race', outcomeUnknown: true });
    assert.equal(faulty.proxy.count('POST', /set_children/), 1);
  });

  test('gives no byte of the complaint that a node writes into a failing body, and goes on behind the good ones', async () => {
    await using faulty = await startFaultyGateway();
    const { grid, proxy } = faulty;
    const bytes = randomBytes(300_000);
    const cap = await grid.upload({ bytes });
    for (const afterBytes of [0, 10, 24, 70_000, 299_950]) {
      proxy.clear();
      proxy.add({ method: 'GET', nth: 1, fault: { do: 'problem-text', afterBytes } });
      const got = await buffer(await grid.read(cap, { start: 0, end: bytes.length }));
      assert.ok(got.equals(bytes), `after ${afterBytes}`);
    }
    proxy.clear();
    proxy.add({ method: 'GET', fault: { do: 'problem-text', afterBytes: 0 } });
    const stream = await grid.read(cap, { start: 0, end: bytes.length });
    const arrived: Buffer[] = [];
    stream.on('data', (part: Buffer) => arrived.push(part));
    const [error] = (await once(stream, 'error')) as [unknown];
    assert.equal((error as { code?: unknown }).code, 'unavailable');
    assert.equal(Buffer.concat(arrived).length, 0);
  });

  test('asks for ranges with both ends, and takes no other answer for them', async () => {
    const whole = Buffer.alloc(100, 'w');
    const answers: ReadonlyArray<readonly [string, number, Record<string, string | number>, number]> = [
      ['the whole file', 200, { 'content-length': 100 }, 100],
      ['another range', 206, { 'content-range': 'bytes 0-9/100', 'content-length': 10 }, 10],
      ['a shorter range', 206, { 'content-range': 'bytes 50-58/100', 'content-length': 9 }, 9],
      ['a range of another file', 206, { 'content-range': 'bytes 50-59/999', 'content-length': 10 }, 10],
      ['no range', 206, { 'content-length': 10 }, 10],
      [
        'a length that is not the range',
        206,
        { 'content-range': 'bytes 50-59/100', 'content-length': 12 },
        12,
      ],
    ];
    for (const [what, status, headers, length] of answers) {
      await using node = await startScriptedNode((_req, res) => {
        res.writeHead(status, headers).end(whole.subarray(0, length));
      });
      await assert.rejects(node.grid.read(someCap(100), { start: 50, end: 60 }), { code: 'corrupt' }, what);
      assert.equal(node.requests[0]?.headers.range, 'bytes=50-59');
    }
  });

  test('takes the stored bytes, whatever the node says of their encoding', async () => {
    const stored = gzipSync(Buffer.alloc(1000, 'z'));
    await using node = await startScriptedNode((_req, res) => {
      res
        .writeHead(200, {
          'content-encoding': 'gzip',
          'content-type': 'text/plain',
          'content-length': stored.length,
        })
        .end(stored);
    });
    const cap = someCap(stored.length);
    const got = await buffer(await node.grid.read(cap, { start: 0, end: stored.length }));
    assert.ok(got.equals(stored));
    assert.equal(node.requests[0]?.url, `/uri/${encodeURIComponent(cap)}`); // no name that it could guess by
  });

  test('reaches children whose names fold away in URLs, and nothing else', async () => {
    await using faulty = await startFaultyGateway();
    const { grid } = faulty;
    const names = ['..', '.', '%2e%2e', '../uri', 'stays'];
    const dir = await grid.makeDirectory(new Map(names.map((name) => [name, small(name)])));
    await grid.setChildren(dir, link('..', 'new'), true);
    assert.equal((await grid.list(dir)).children.get('..')?.readCap, litCapOf(Buffer.from('new')));
    for (const name of names.slice(0, -1)) {
      assert.equal(await grid.unlink(dir, name), true, name);
    }
    assert.deepEqual([...(await grid.list(dir)).children.keys()], ['stays']);
  });

  test('never asks by ETag, which a change of metadata leaves as it was', async () => {
    await using node = await startScriptedNode((_req, res) => {
      res
        .writeHead(200, { etag: 'x-json' })
        .end(JSON.stringify(['dirnode', { children: {}, ro_uri: dirReadCap, mutable: true }]));
    });
    await node.grid.list(dirCap);
    await node.grid.list(dirCap);
    assert.deepEqual(
      node.requests.map(({ headers }) => headers['if-none-match']),
      [undefined, undefined],
    );
    await using faulty = await startFaultyGateway();
    const dir = await faulty.grid.makeDirectory(link('f'));
    const changed = new Map([['f', { ...small('f'), metadata: { tw: { m: 5 } } }]]);
    await faulty.grid.setChildren(dir, changed, true);
    assert.deepEqual((await faulty.grid.list(dir)).children.get('f')?.metadata['tw'], { m: 5 });
  });

  test('makes no directory by a name with slashes, or by a name that is not there', async () => {
    await using faulty = await startFaultyGateway();
    const { grid } = faulty;
    const dir = await grid.makeDirectory(new Map());
    for (const name of ['new/', 'a//b', '/']) {
      await grid.setChildren(dir, link(name), false);
      assert.equal(await grid.unlink(dir, 'absent/child'), false);
      assert.deepEqual([...(await grid.list(dir)).children.keys()], [name]);
      assert.equal(await grid.unlink(dir, name), true);
    }
  });

  test('forbids replacing in the word that the node heeds', async () => {
    await using faulty = await startFaultyGateway();
    const { grid, proxy } = faulty;
    const dir = await grid.makeDirectory(link('f', 'old'));
    await assert.rejects(grid.setChildren(dir, link('f', 'new'), false), { code: 'exists' });
    await grid.setChildren(dir, link('g'), true);
    assert.deepEqual(
      proxy.calls.filter(({ url }) => url.includes('set_children')).map(({ url }) => url.replace(/.*\?/, '')),
      ['t=set_children&replace=false', 't=set_children&replace=true'],
    );
  });

  test('never has the node move anything, which moves directories into themselves', async () => {
    await using faulty = await startFaultyGateway();
    await useEverything(faulty.grid);
    const kinds = new Set(faulty.proxy.calls.map(({ url }) => /\bt=([a-z_-]+)/.exec(url)?.[1]));
    assert.deepEqual(kinds, new Set([undefined, 'mkdir-with-children', 'set_children', 'json', 'check']));
  });

  test('lists what foreign writers stored: numbers beyond numbers, names that objects treat specially', async () => {
    const lit = litCapOf(Buffer.from('x'));
    const child = (metadata: string): string => `["filenode",{"ro_uri":"${lit}","metadata":${metadata}}]`;
    const children = [
      `"10":${child('{"a":Infinity,"b":[-Infinity,NaN],"c":"Infinity NaN \\"-Infinity"}')}`,
      `"9":${child('{"big":1e400}')}`,
      `"__proto__":${child('{"__proto__":{"polluted":1}}')}`,
      `"a":["unknown",{"metadata":{},"ro_uri":"ro.URI:FUTURE:x"}]`,
      `"b":["unknown",{"metadata":{}}]`,
      `"c":["filenode",{"ro_uri":"${lit}"}]`,
      `"constructor":${child('null')}`,
    ];
    await using node = await startScriptedNode((_req, res) => {
      res.end(
        `["dirnode", {"mutable": true, "ro_uri": "${dirReadCap}", "children": {${children.join(', ')}}}]`,
      );
    });
    const listing = await node.grid.list(dirCap);
    assert.deepEqual([...listing.children.keys()], ['10', '9', '__proto__', 'a', 'b', 'c', 'constructor']);
    assert.deepEqual(listing.children.get('10')?.metadata, {
      a: null,
      b: [null, null],
      c: 'Infinity NaN "-Infinity',
    });
    assert.equal(listing.children.get('__proto__')?.readCap, lit);
    assert.equal((Object.prototype as { polluted?: unknown }).polluted, undefined);
    assert.deepEqual(listing.children.get('a'), {
      kind: 'unknown',
      writeCap: undefined,
      readCap: 'ro.URI:FUTURE:x',
      metadata: {},
    });
    assert.equal(listing.children.get('b')?.readCap, undefined);
    assert.deepEqual(listing.children.get('c')?.metadata, {});
    assert.deepEqual(listing.children.get('constructor')?.metadata, {});
  });
});
