import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { httpDate, isoDate, lastModifiedMs, parseHttpDate } from '../../src/webdav/dates.ts';

const MOMENT = Date.UTC(1994, 10, 6, 8, 49, 37, 999);
const SECOND = Math.floor(MOMENT / 1000) * 1000;

for (const zone of ['UTC', 'America/New_York', 'Pacific/Kiritimati']) {
  describe(`dates in the zone ${zone}`, () => {
    process.env['TZ'] = zone;
    const offsetMinutes = new Date(MOMENT).getTimezoneOffset();

    test('are written in GMT', () => {
      process.env['TZ'] = zone;
      assert.equal(new Date(MOMENT).getTimezoneOffset(), offsetMinutes);
      assert.equal(httpDate(MOMENT), 'Sun, 06 Nov 1994 08:49:37 GMT');
      assert.equal(isoDate(MOMENT), '1994-11-06T08:49:37Z');
    });

    for (const text of [
      'Sun, 06 Nov 1994 08:49:37 GMT',
      'Sunday, 06-Nov-94 08:49:37 GMT',
      'Sun Nov  6 08:49:37 1994',
      ' Sun, 06 Nov 1994 08:49:37 GMT ',
      'Sun, 6 Nov 1994 08:49:37 GMT',
    ]) {
      test(`are read from ${JSON.stringify(text)}`, () => {
        process.env['TZ'] = zone;
        assert.equal(parseHttpDate(text), SECOND);
      });
    }
  });
}

describe('parseHttpDate', () => {
  for (const text of [
    '',
    '0',
    '784111777',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37',
    'Xxx, 99 Xxx 1994 08:49:37 GMT',
    '"tag"',
  ]) {
    test(`takes ${JSON.stringify(text)} for no date`, () => {
      assert.equal(parseHttpDate(text), undefined);
    });
  }
});

describe('lastModifiedMs', () => {
  for (const [modifiedAtMs, nowMs, expected] of [
    [1_500_900, 2_000_000, 1_500_000],
    [3_000_000, 2_000_999, 2_000_000],
    [-1, 2_000_000, 0],
    [Number.NaN, 2_000_000, 0],
    [Number.NEGATIVE_INFINITY, 2_000_000, 0],
  ] as const) {
    test(`is ${expected} for ${modifiedAtMs} at ${nowMs}`, () => {
      assert.equal(lastModifiedMs(modifiedAtMs, nowMs), expected);
    });
  }
});
