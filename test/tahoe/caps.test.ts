import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeBase32, encodeBase32 } from '../../src/base/base32.ts';
import {
  type ChkCap,
  chkText,
  identityOf,
  isDirectoryCap,
  LIT_MAX_BYTES,
  litCapOf,
  mutableText,
  parseCap,
  readOnlyText,
  storageIndexOf,
  verifyText,
} from '../../src/tahoe/caps.ts';
import { capVector, capVectors } from './vectors.ts';

const chk = capVector('CHK file of 56 bytes').cap;
const writeCap = capVector('SDMF file').cap;
const readCap = capVector('SDMF file').readCap;

describe('base32', () => {
  test('gives back any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        assert.deepEqual(decodeBase32(encodeBase32(Buffer.from(bytes))), Buffer.from(bytes));
      }),
    );
  });

  test('takes one text for each byte string', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'abcdwxyz2347='), maxLength: 12 }), (text) => {
        const bytes = decodeBase32(text);
        assert.ok(bytes === undefined || encodeBase32(bytes) === text);
      }),
    );
  });
});

describe('parseCap', () => {
  for (const vector of capVectors) {
    test(`derives what the node derives: ${vector.name}`, () => {
      const cap = parseCap(vector.cap);
      assert.notEqual(cap.kind, 'unknown');
      assert.equal(cap.text, vector.cap);
      assert.equal(readOnlyText(cap), vector.readCap);
      assert.equal(verifyText(cap) ?? null, vector.verifyCap);
      assert.equal(storageIndexOf(cap) ?? null, vector.storageIndex);
      if (cap.kind === 'chk' || cap.kind === 'lit') {
        assert.equal(cap.sizeBytes, vector.sizeBytes);
      }
      if (cap.kind === 'mutable') {
        assert.equal(cap.isWritable, vector.cap === vector.writeCap);
        assert.equal(cap.format, vector.name.startsWith('MDMF') ? 'MDMF' : 'SDMF');
      }
      assert.equal(isDirectoryCap(cap), vector.name.includes('directory'));
      if (vector.verifyCap !== null) {
        const verify = parseCap(vector.verifyCap);
        assert.equal(verify.kind, 'verify');
        assert.equal(storageIndexOf(verify), vector.storageIndex);
        assert.equal(identityOf(verify), identityOf(cap));
      }
    });
  }

  const prefixed: ReadonlyArray<readonly [string, string, string]> = [
    ['ro. before an immutable cap is dropped', `ro.${chk}`, chk],
    ['imm. before an immutable cap is dropped', `imm.${chk}`, chk],
    ['ro. before a read cap is dropped', `ro.${readCap}`, readCap],
    [
      'hints of an early MDMF cap are dropped',
      `${capVector('MDMF file').cap}:3:131073`,
      capVector('MDMF file').cap,
    ],
  ];
  for (const [name, text, want] of prefixed) {
    test(name, () => {
      assert.equal(parseCap(text).text, want);
    });
  }

  const notCaps: ReadonlyArray<readonly [string, string]> = [
    ['nothing', ''],
    ['another scheme', chk.replace('URI', 'uri')],
    ['a write cap after ro.', `ro.${writeCap}`],
    ['a write cap after imm.', `imm.${writeCap}`],
    ['a mutable read cap after imm.', `imm.${readCap}`],
    ['two prefixes', `ro.imm.${chk}`],
    ['upper case', chk.replace(/[a-z2-7]{26}/, (key) => key.toUpperCase())],
    ['padding', 'URI:LIT:74======'],
    ['a blank after it', `${chk} `],
    ['a newline after it', `${writeCap}\n`],
    ['a last letter with bits to spare', writeCap.replace(/.$/, 'b')],
    ['a LIT of an impossible length', 'URI:LIT:a'],
    ['a LIT with a further field', 'URI:LIT:74:1'],
    ['a size with a leading zero', chk.replace(/56$/, '056')],
    ['a size beyond the exact numbers', chk.replace(/56$/, '9007199254740993')],
    ['a negative size', chk.replace(/56$/, '-56')],
    ['no shares needed', chk.replace(':1:1:', ':0:1:')],
    ['more shares needed than there are', chk.replace(':1:1:', ':3:2:')],
    ['a field too many', `${chk}:1`],
    ['a field too few', chk.replace(/:56$/, '')],
    ['a short key', chk.replace(/URI:CHK:../, 'URI:CHK:')],
    ['an SDMF cap with a further field', `${writeCap}:3`],
    ['a kind from the future', 'URI:XYZ:abc'],
    ['a name that every object has', 'URI:constructor:abc'],
  ];
  for (const [name, text] of notCaps) {
    test(`calls unknown: ${name}`, () => {
      assert.deepEqual(parseCap(text), { kind: 'unknown', text });
    });
  }

  test('never throws, and formats what it takes to the same text', () => {
    const field = fc.oneof(
      fc.constantFrom('URI', 'CHK', 'LIT', 'SSK', 'DIR2-RO', 'DIR2-CHK', 'MDMF', '3', '10', '0', '007', ''),
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.uint8Array({ maxLength: 33 }).map((bytes) => encodeBase32(Buffer.from(bytes))),
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(field, { maxLength: 8 }).map((fields) => fields.join(':')),
      fc.array(field, { maxLength: 8 }).map((fields) => `URI:${fields.join(':')}`),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const cap = parseCap(text);
        assert.equal(cap.text, text);
        for (const derived of [
          readOnlyText(cap),
          verifyText(cap) ?? '',
          identityOf(cap),
          storageIndexOf(cap) ?? '',
        ]) {
          assert.equal(typeof derived, 'string');
        }
      }),
    );
  });

  test('gives back what was formatted', () => {
    const bytes = (length: number): fc.Arbitrary<Buffer> =>
      fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(
        bytes(16),
        bytes(32),
        fc.nat({ max: 255 }),
        fc.maxSafeNat(),
        (readKey, uebHash, extra, sizeBytes) => {
          const fields = { readKey, uebHash, needed: 256 - extra, total: 256, sizeBytes };
          assert.deepEqual(parseCap(chkText(fields)), { kind: 'chk', text: chkText(fields), ...fields });
        },
      ),
    );
    fc.assert(
      fc.property(
        bytes(16),
        bytes(32),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom<'SDMF' | 'MDMF'>('SDMF', 'MDMF'),
        (key, fingerprint, isDirectory, isWritable, format) => {
          const fields = { isDirectory, format, isWritable, key, fingerprint };
          assert.deepEqual(parseCap(mutableText(fields)), {
            kind: 'mutable',
            text: mutableText(fields),
            ...fields,
          });
        },
      ),
    );
  });
});

describe('litCapOf', () => {
  test('holds up to 55 bytes and no more', () => {
    for (let length = 0; length <= LIT_MAX_BYTES; length += 1) {
      const bytes = Buffer.alloc(length, length);
      const cap = parseCap(litCapOf(bytes));
      assert.ok(cap.kind === 'lit' && cap.data.equals(bytes) && cap.sizeBytes === length);
    }
    assert.throws(() => litCapOf(Buffer.alloc(LIT_MAX_BYTES + 1)), { code: 'too-large' });
  });
});

describe('readOnlyText', () => {
  test('marks what it can not weaken', () => {
    assert.equal(readOnlyText(parseCap('URI:XYZ:abc')), 'ro.URI:XYZ:abc');
    assert.equal(readOnlyText(parseCap('imm.URI:XYZ:abc')), 'imm.URI:XYZ:abc');
  });
});

describe('identityOf', () => {
  test('is one for the write and the read cap, and shows neither', () => {
    assert.equal(identityOf(parseCap(writeCap)), identityOf(parseCap(readCap)));
    assert.match(identityOf(parseCap(writeCap)), /^[a-z2-7]{26}$/);
    assert.match(identityOf(parseCap('URI:LIT:74')), /^[a-z2-7]{26}$/);
  });

  test('differs for a cap made from the same key with other content', () => {
    const real = parseCap(chk) as ChkCap;
    const forged = parseCap(chkText({ ...real, uebHash: Buffer.alloc(32) }));
    assert.equal(storageIndexOf(forged), storageIndexOf(real));
    assert.notEqual(identityOf(forged), identityOf(real));
  });

  test('differs for every vector that is another thing', () => {
    const things = capVectors.filter((vector) => !vector.name.endsWith('read-only'));
    assert.equal(new Set(things.map((vector) => identityOf(parseCap(vector.cap)))).size, things.length);
  });
});
