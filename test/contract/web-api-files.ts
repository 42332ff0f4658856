// Contract of the web API, files: storing, reading, ranges, ETags, mutable files.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { netstring, taggedHash } from '../../src/seal/hash.ts';
import { parseCap, storageIndexOf } from '../../src/tahoe/caps.ts';
import { sequenceOf, uri, type WebApi } from './web-api-client.ts';

const SEGMENT = 1 << 20;

/** Bytes that differ everywhere, the same each time. */
function bytesOf(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

const TEN = Buffer.from('0123456789');

// Range header, status, Content-Range, body; of the ten bytes 0123456789.
const ranges: ReadonlyArray<readonly [string, number, string | undefined, string]> = [
  ['bytes=0-3', 206, 'bytes 0-3/10', '0123'],
  ['bytes=0-0', 206, 'bytes 0-0/10', '0'],
  ['bytes=9-9', 206, 'bytes 9-9/10', '9'],
  ['bytes=0-9', 206, 'bytes 0-9/10', '0123456789'],
  ['bytes=4-99', 206, 'bytes 4-9/10', '456789'],
  ['bytes=4-', 206, 'bytes 4-9/10', '456789'],
  ['bytes=-3', 206, 'bytes 7-9/10', '789'],
  ['bytes=-10', 206, 'bytes 0-9/10', '0123456789'],
  ['bytes=-99', 206, 'bytes 0-9/10', '0123456789'],
  ['bytes=1-2,4-5', 206, 'bytes 1-2/10', '12'],
  ['bytes= 1-2', 206, 'bytes 1-2/10', '12'],
  ['bytes=10-', 200, undefined, '0123456789'],
  ['bytes=99-', 200, undefined, '0123456789'],
  ['bytes=5-2', 200, undefined, '0123456789'],
  ['bytes=-0', 200, undefined, '0123456789'],
  ['bytes=-', 200, undefined, '0123456789'],
  ['bytes=x-y', 200, undefined, '0123456789'],
  ['bytes=1-2,x', 200, undefined, '0123456789'],
  ['lines=0-3', 200, undefined, '0123456789'],
  ['bytes', 200, undefined, '0123456789'],
  ['bytes=10-10', 416, undefined, 'First beyond end of file'],
  ['bytes=99-100', 416, undefined, 'First beyond end of file'],
];

export function filesContract(api: () => WebApi, convergenceSecret: () => Promise<Buffer>): void {
  describe('PUT /uri', () => {
    for (const size of [0, 1, 55, 56, 57, 4096, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT + 500]) {
      test(`stores ${size} bytes, and gives them back`, async () => {
        const body = bytesOf(size);
        const cap = await api().store(body);
        const parsed = parseCap(cap);
        assert.equal(parsed.kind, size <= 55 ? 'lit' : 'chk');
        assert.equal('sizeBytes' in parsed && parsed.sizeBytes, size);
        assert.equal(await api().store(body), cap, 'the same bytes have the same cap');
        const answer = await api().want(200, 'GET', uri(cap));
        assert.ok(answer.body.equals(body));
        assert.equal(answer.headers['content-length'], String(size));
        assert.equal(answer.headers['accept-ranges'], 'bytes');
        assert.equal(answer.headers['content-type'], 'text/plain');
      });
    }

    for (const size of [56, 1000, SEGMENT, SEGMENT + 1]) {
      test(`derives the key of ${size} bytes from them and the secret`, async () => {
        const body = bytesOf(size, 7);
        const parsed = parseCap(await api().store(body));
        const tag = Buffer.concat([
          Buffer.from('allmydata_immutable_content_to_key_with_added_secret_v1+'),
          netstring(await convergenceSecret()),
          netstring(`1,1,${Math.min(size, SEGMENT)}`),
        ]);
        assert.ok(parsed.kind === 'chk');
        assert.deepEqual(parsed.readKey, taggedHash(tag, body, 16));
      });
    }

    test('takes a chunked body', async () => {
      const body = bytesOf(SEGMENT + 3000, 2);
      const pieces = [body.subarray(0, 10), body.subarray(10, SEGMENT), body.subarray(SEGMENT)];
      const answer = await api().want(200, 'PUT', '/uri', { body: pieces });
      assert.equal(answer.text, await api().store(body));
    });

    test('stores an empty file where there is no body', async () => {
      assert.equal((await api().want(200, 'PUT', '/uri')).text, 'URI:LIT:');
    });

    for (const [how, head, body] of [
      ['Content-Length', 'Content-Length: 5000', 'x'.repeat(4000)],
      ['chunked', 'Transfer-Encoding: chunked', `fa0\r\n${'x'.repeat(4000)}\r\n`],
    ] as const) {
      test(`stores nothing of a body cut short (${how})`, async () => {
        const dir = await api().makeDirectory();
        const target = uri(dir, 'cut');
        const answer = await api().sendBytes(`PUT ${target} HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n${body}`);
        assert.doesNotMatch(answer, /^HTTP\/1\.1 2/);
        assert.deepEqual([...(await api().list(dir)).keys()], []);
      });
    }

    test('knows the formats and no other', async () => {
      assert.match(await api().store('abc', '?format=SDMF'), /^URI:SSK:/);
      assert.match(await api().store('abc', '?format=mdmf'), /^URI:MDMF:/);
      assert.match(await api().store('abc', '?mutable=true'), /^URI:SSK:/);
      assert.match(await api().store('abc', '?format=CHK'), /^URI:LIT:/);
      await api().want(400, 'PUT', '/uri?format=tape', { body: 'abc' });
      await api().want(400, 'PUT', '/uri?mutable=perhaps', { body: 'abc' });
    });
  });

  for (const [kind, store] of [
    ['LIT', () => api().store(TEN)],
    ['SDMF', () => api().store(TEN, '?format=SDMF')],
    ['MDMF', () => api().store(TEN, '?format=MDMF')],
  ] as const) {
    describe(`Range of a ${kind} file`, () => {
      for (const [range, status, contentRange, body] of ranges) {
        test(`${range} gives ${status}`, async () => {
          const answer = await api().want(status, 'GET', uri(await store()), { headers: { range } });
          assert.equal(answer.headers['content-range'], contentRange);
          assert.equal(answer.text.trimEnd(), body);
        });
      }
    });
  }

  describe('Range of a CHK file', () => {
    const size = 2 * SEGMENT + 500;
    const body = bytesOf(size, 3);
    for (const [start, end] of [
      [0, 1],
      [15, 17],
      [SEGMENT - 1, SEGMENT],
      [SEGMENT - 1, SEGMENT + 1],
      [SEGMENT, 2 * SEGMENT],
      [1, 2 * SEGMENT + 7],
      [size - 1, size],
      [SEGMENT + 12_345, SEGMENT + 200_000],
    ] as const) {
      test(`${start}-${end - 1} gives these bytes`, async () => {
        const cap = await api().store(body);
        const headers = { range: `bytes=${start}-${end - 1}` };
        const answer = await api().want(206, 'GET', uri(cap), { headers });
        assert.equal(answer.headers['content-range'], `bytes ${start}-${end - 1}/${size}`);
        assert.ok(answer.body.equals(body.subarray(start, end)));
      });
    }

    test('past the end is the whole file or 416', async () => {
      const cap = await api().store(body);
      const whole = await api().want(200, 'GET', uri(cap), { headers: { range: `bytes=${size}-` } });
      assert.equal(whole.body.length, size);
      await api().want(416, 'GET', uri(cap), { headers: { range: `bytes=${size}-${size + 5}` } });
    });

    test('of an empty file', async () => {
      const answer = await api().want(206, 'GET', uri('URI:LIT:'), { headers: { range: 'bytes=-1' } });
      assert.equal(answer.headers['content-range'], 'bytes 0--1/0');
      assert.equal(answer.body.length, 0);
      await api().want(416, 'GET', uri('URI:LIT:'), { headers: { range: 'bytes=0-0' } });
    });
  });

  describe('HEAD of a file', () => {
    test('tells the length, honours Range, knows no t=', async () => {
      const cap = await api().store(bytesOf(1000));
      const head = await api().want(200, 'HEAD', uri(cap));
      assert.equal(head.headers['content-length'], '1000');
      assert.equal(head.headers.etag, undefined);
      const part = await api().want(206, 'HEAD', uri(cap), { headers: { range: 'bytes=10-19' } });
      assert.equal(part.headers['content-length'], '10');
      assert.equal(part.headers['content-range'], 'bytes 10-19/1000');
      await api().want(400, 'HEAD', `${uri(cap)}?t=json`);
    });
  });

  describe('ETag', () => {
    test('of a CHK file is its storage index, without quotes, and is known only so', async () => {
      const cap = await api().store(bytesOf(1000, 5));
      const storageIndex = storageIndexOf(parseCap(cap));
      const { headers } = await api().want(200, 'GET', uri(cap));
      assert.equal(headers.etag, `${storageIndex}-`);
      assert.equal((await api().want(200, 'GET', `${uri(cap)}?t=json`)).headers.etag, `${storageIndex}-json`);
      for (const [given, status] of [
        [`${storageIndex}-`, 304],
        ['*', 304],
        [`a ${storageIndex}- b`, 304],
        [`"${storageIndex}-"`, 200],
        ['other', 200],
      ] as const) {
        await api().want(status, 'GET', uri(cap), { headers: { 'if-none-match': given } });
      }
      assert.equal((await api().want(200, 'GET', uri('URI:LIT:me'))).headers.etag, undefined);
    });

    test('of an immutable directory says DIR:', async () => {
      const chk = await api().store(bytesOf(1000, 5));
      const body = JSON.stringify({ a: ['filenode', { ro_uri: chk }] });
      const dir = (await api().want(200, 'POST', '/uri?t=mkdir-immutable', { body })).text;
      const { headers } = await api().want(200, 'GET', `${uri(dir)}?t=json`);
      assert.equal(headers.etag, `DIR:${storageIndexOf(parseCap(dir))}-json`);
    });
  });

  describe('Content-Type', () => {
    for (const [name, type, encoding] of [
      ['a.txt', 'text/plain', undefined],
      ['a.html', 'text/html', undefined],
      ['a.png', 'image/png', undefined],
      ['noext', 'text/plain', undefined],
      ['a.txt.gz', 'text/plain', 'gzip'],
      ['a.txt.bz2', 'text/plain', 'bzip2'],
    ] as const) {
      test(`of ${name} is guessed from the name, and so is the encoding`, async () => {
        const { headers } = await api().want(200, 'GET', `${uri('URI:LIT:me')}?filename=${name}`);
        assert.equal(headers['content-type'], type);
        assert.equal(headers['content-encoding'], encoding);
      });
    }
  });

  describe('t=json of a file', () => {
    test('has the fields of its kind', async () => {
      const body = bytesOf(1024);
      const chk = await api().store(body);
      const verify = `URI:CHK-Verifier:${storageIndexOf(parseCap(chk))}:${chk.split(':').slice(3).join(':')}`;
      assert.deepEqual(await api().json(chk), [
        'filenode',
        { mutable: false, format: 'CHK', size: 1024, ro_uri: chk, verify_uri: verify },
      ]);
      assert.deepEqual(await api().json('URI:LIT:nbswy3dp'), [
        'filenode',
        { mutable: false, format: 'CHK', size: 5, ro_uri: 'URI:LIT:nbswy3dp' },
      ]);
      for (const [format, name] of [
        ['SDMF', 'SSK'],
        ['MDMF', 'MDMF'],
      ]) {
        const cap = await api().store(body, `?format=${format}`);
        const [type, fields] = await api().json(cap);
        assert.equal(type, 'filenode');
        assert.match(String(fields['ro_uri']), new RegExp(`^URI:${name}-RO:`));
        assert.match(String(fields['verify_uri']), new RegExp(`^URI:${name}-Verifier:`));
        const { ro_uri: _ro, verify_uri: _verify, ...rest } = fields;
        assert.deepEqual(rest, { mutable: true, format, size: 1024, rw_uri: cap });
        const [, readOnly] = await api().json(String(fields['ro_uri']));
        const { rw_uri: _rw, ...withoutWrite } = fields;
        assert.deepEqual(readOnly, withoutWrite);
      }
    });

    test('and HEAD believe the cap, GET does not', async () => {
      const chk = await api().store(bytesOf(1024, 9));
      const forged = chk.replace(/:1024$/, ':1025');
      assert.equal((await api().json(forged))[1]['size'], 1025);
      await api().want(200, 'HEAD', uri(forged));
      const answer = await api().want(410, 'GET', uri(forged));
      assert.match(answer.text, /^(NotEnoughShares|NoShares)Error/);
    });
  });

  for (const [format, reads] of [
    ['SDMF', /^URI:SSK/],
    ['MDMF', /^URI:MDMF/],
  ] as const) {
    describe(`a mutable file (${format})`, () => {
      test('is overwritten in place, each version with a larger number', async () => {
        const cap = await api().store('first', `?format=${format}`);
        assert.match(cap, reads);
        const readCap = await api().readCapOf(cap);
        const first = await api().version(readCap);
        assert.equal(sequenceOf(first), 1);
        assert.equal((await api().want(200, 'PUT', uri(cap), { body: 'the second' })).text, cap);
        const second = await api().version(readCap);
        assert.equal(sequenceOf(second), 2);
        assert.notEqual(second, first);
        assert.equal((await api().want(200, 'GET', uri(readCap))).text, 'the second');
        assert.equal((await api().json(readCap))[1]['size'], 10);
        await api().want(200, 'PUT', uri(cap), { body: '' });
        assert.equal((await api().want(200, 'GET', uri(cap))).text, '');
      });

      test('takes a write at an offset', async () => {
        const cap = await api().store('0123456789', `?format=${format}`);
        await api().want(200, 'PUT', `${uri(cap)}?offset=4`, { body: 'xy' });
        assert.equal((await api().want(200, 'GET', uri(cap))).text, '0123xy6789');
        await api().want(200, 'PUT', `${uri(cap)}?offset=10`, { body: 'end' });
        assert.equal((await api().want(200, 'GET', uri(cap))).text, '0123xy6789end');
        await api().want(400, 'PUT', `${uri(cap)}?offset=-1`, { body: 'xy' });
      });

      test('is not written through its read cap, nor where replace is forbidden', async () => {
        const cap = await api().store('kept', `?format=${format}`);
        await api().want(400, 'PUT', uri(await api().readCapOf(cap)), { body: 'x' });
        await api().want(409, 'PUT', `${uri(cap)}?replace=false`, { body: 'x' });
        assert.equal((await api().want(200, 'GET', uri(cap))).text, 'kept');
      });

      test('keeps its cap when it is written by path, whatever the format asked for', async () => {
        const cap = await api().store('one', `?format=${format}`);
        const dir = await api().makeDirectory([['f', { rw_uri: cap }]]);
        const before = await api().child(dir, 'f');
        assert.equal(
          (await api().want(200, 'PUT', `${uri(dir, 'f')}?format=CHK`, { body: 'two' })).text,
          cap,
        );
        assert.deepEqual(await api().child(dir, 'f'), before, 'nothing changes on the edge');
        assert.equal(before.properties['size'], undefined, 'listings have no size of a mutable file');
        assert.equal((await api().want(200, 'GET', uri(cap))).text, 'two');
      });
    });
  }

  describe('t=check', () => {
    test('finds a file that was stored and misses one that was not', async () => {
      const chk = await api().store(bytesOf(2000, 11));
      const good = await api().check(chk);
      assert.equal(good['storage-index'], storageIndexOf(parseCap(chk)));
      assert.equal(good['summary'], 'Healthy');
      const { healthy, recoverable, sharemap } = good.results;
      assert.deepEqual([healthy, recoverable, Object.keys(sharemap as object)], [true, true, ['0']]);
      const other = chk.replace(/^URI:CHK:[a-z2-7]{4}/, 'URI:CHK:aaaa');
      const bad = (await api().check(other)).results;
      assert.deepEqual([bad['healthy'], bad['recoverable'], bad['sharemap']], [false, false, {}]);
      assert.equal(bad['count-shares-good'], 0);
    });

    test('renews leases on request', async () => {
      const chk = await api().store(bytesOf(2000, 12));
      const { text } = await api().want(200, 'POST', `${uri(chk)}?t=check&output=JSON&add-lease=true`);
      assert.equal((JSON.parse(text) as { results: { healthy: boolean } }).results.healthy, true);
    });

    test('calls literal files healthy without looking', async () => {
      assert.deepEqual(await api().check('URI:LIT:me'), { 'storage-index': '', results: { healthy: true } });
    });

    test('misses a mutable file that was never made', async () => {
      const cap = (await api().store('x', '?format=SDMF')).replace(/^URI:SSK:[a-z2-7]{4}/, 'URI:SSK:aaaa');
      const { results } = await api().check(cap);
      assert.deepEqual([results['healthy'], results['recoverable'], results['sharemap']], [false, false, {}]);
    });
  });

  describe('t=uri', () => {
    test('gives the cap itself, t=readonly-uri the weaker one', async () => {
      const cap = await api().store('x', '?format=SDMF');
      assert.equal((await api().want(200, 'GET', `${uri(cap)}?t=uri`)).text, cap);
      assert.equal(
        (await api().want(200, 'GET', `${uri(cap)}?t=readonly-uri`)).text,
        await api().readCapOf(cap),
      );
    });
  });
}
