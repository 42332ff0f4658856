import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/base/errors.ts';
import { RecordCodec } from '../../src/meta/record.ts';

const key = Buffer.alloc(32, 5);
const codec = new RecordCodec(key, 'mount');
const encode = (trueKey: string, value: unknown): string => {
  return codec.encode(codec.storedKey(trueKey), trueKey, value);
};
const isCorrupt = (error: unknown): boolean => hasCode(error, 'corrupt');
const parts = fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { minLength: 1, maxLength: 3 });
const keys = parts.map((list) => `kind/${list.join('/')}`);

describe('RecordCodec', () => {
  test('opens what it sealed, and no two seals are the same', () => {
    fc.assert(
      fc.property(keys, fc.jsonValue(), (trueKey, value) => {
        const stored = encode(trueKey, value);
        assert.notEqual(encode(trueKey, value), stored);
        const record = codec.decode(codec.storedKey(trueKey), stored);
        assert.equal(record.key, trueKey);
        assert.equal(JSON.stringify(record.value), JSON.stringify(value));
        assert.equal(record.stamp, stored);
      }),
    );
  });

  test('still opens what was written by this format from the start', () => {
    const storedKey = 'edit/k5eetEKvGW1AsXyw_BnQrg/8ybF7vZoOaBqdU1vCxX5eg';
    assert.equal(codec.storedKey('edit/dir/name'), storedKey);
    assert.deepEqual(
      codec.decode(storedKey, 'AQHdRXJOcIp4SP69WYbi0hYJeoTXdYlv/vngnYyfDAvbvR/DnznqyExfxrWXEft71txCJjrD7A==')
        .value,
      { n: 1 },
    );
  });

  test('notices any byte that was altered', () => {
    const storedKey = codec.storedKey('k/a');
    const bytes = Buffer.from(encode('k/a', 'value'), 'base64');
    for (let at = 0; at < bytes.length; at += 1) {
      const altered = Buffer.from(bytes);
      altered.writeUInt8((altered.readUInt8(at) ^ 1) & 0xff, at);
      assert.throws(() => codec.decode(storedKey, altered.toString('base64')), isCorrupt, `byte ${at}`);
    }
    for (const length of [0, 1, 2, 29, bytes.length - 1]) {
      const short = bytes.subarray(0, length).toString('base64');
      assert.throws(() => codec.decode(storedKey, short), isCorrupt, `cut to ${length}`);
    }
  });

  test('opens no record of another key, another mount or another store', () => {
    const stored = encode('k/a', 'value');
    assert.throws(() => codec.decode(codec.storedKey('k/b'), stored), isCorrupt);
    for (const other of [new RecordCodec(key, 'other'), new RecordCodec(Buffer.alloc(32, 6), 'mount')]) {
      assert.throws(() => other.decode(codec.storedKey('k/a'), stored), isCorrupt);
    }
  });

  test('says so when a newer program wrote the record', () => {
    const bytes = Buffer.from(encode('k/a', 'value'), 'base64');
    bytes.writeUInt8(2, 0);
    assert.throws(() => codec.decode(codec.storedKey('k/a'), bytes.toString('base64')), {
      code: 'corrupt',
      message: 'a stored record has version 2, this program knows 1',
      hint: /newer tahoe-webdav/,
    });
  });

  test('gives every key a stored key of its own, below those of its prefixes', () => {
    fc.assert(
      fc.property(keys, keys, (a, b) => {
        assert.equal(codec.storedKey(a) === codec.storedKey(b), a === b);
        const prefix = a.slice(0, a.lastIndexOf('/') + 1);
        assert.ok(codec.storedKey(a).startsWith(codec.storedPrefix(prefix)));
        assert.equal(codec.storedKey(b).startsWith(codec.storedPrefix(prefix)), b.startsWith(prefix));
      }),
    );
  });

  test('shows the kind and nothing else, not even that two directories hold the same name', () => {
    const one = codec.storedKey('edit/dir one/holiday.jpg');
    const two = codec.storedKey('edit/dir two/holiday.jpg');
    assert.match(one, /^edit\/[A-Za-z0-9_-]{22}\/[A-Za-z0-9_-]{22}$/);
    assert.equal(new Set([...one.split('/'), ...two.split('/')]).size, 5);
  });

  test('takes no key without a kind and a part, and no prefix of half a part', () => {
    for (const bad of ['', 'kind', '/a', 'Kind/a', '../a']) {
      assert.throws(() => codec.storedKey(bad), /^Error: internal: /, bad);
    }
    for (const bad of ['', '/', 'kind', 'kind/a']) {
      assert.throws(() => codec.storedPrefix(bad), /^Error: internal: /, bad);
    }
  });
});
