import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { acceptsGzip } from '../../src/base/gzip.ts';

describe('acceptsGzip', () => {
  for (const [header, isAccepted] of [
    [undefined, false],
    ['', false],
    ['gzip', true],
    ['GZip', true],
    ['x-gzip', true],
    ['deflate, gzip, br', true],
    ['deflate, br', false],
    ['identity', false],
    ['*', true],
    ['*;q=0', false],
    ['*, gzip;q=0', false],
    ['*;q=0, gzip', true],
    ['gzip;q=0', false],
    ['gzip;q=0.0', false],
    ['gzip;q=0.001', true],
    ['gzip ; Q=1.000', true],
    ['gzip;q=2', false],
    ['gzip;q=junk', false],
    ['gzip;q=', false],
    ['gzip;level=9', true],
    ['gzip;q=0.5, identity', false],
    ['gzip, identity;q=0.5', true],
    ['gzipped', false],
    [', ,gzip,', true],
  ] as const) {
    test(`is ${isAccepted} for ${JSON.stringify(header)}`, () => {
      assert.equal(acceptsGzip(header), isAccepted);
    });
  }
});
