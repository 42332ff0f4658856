import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { checkConditions, isRangeWanted, requestedRange, type Verdict } from '../../src/webdav/conditions.ts';
import { httpDate } from '../../src/webdav/dates.ts';

const MODIFIED = Date.UTC(1994, 10, 6, 8, 49, 37);
const HERE = { etag: '"v1"', lastModifiedMs: MODIFIED };
const AT = httpDate(MODIFIED);
const BEFORE = httpDate(MODIFIED - 1000);
const AFTER = httpDate(MODIFIED + 1000);

describe('checkConditions', () => {
  const cases: ReadonlyArray<
    readonly [headers: Record<string, string>, onRead: Verdict, onWrite: Verdict, onNothing: Verdict]
  > = [
    [{}, 'proceed', 'proceed', 'proceed'],
    [{ 'if-match': '*' }, 'proceed', 'proceed', 'failed'],
    [{ 'if-match': '"v1"' }, 'proceed', 'proceed', 'failed'],
    [{ 'if-match': '"v0", "v1"' }, 'proceed', 'proceed', 'failed'],
    [{ 'if-match': '"a,b" , "v1"' }, 'proceed', 'proceed', 'failed'],
    [{ 'if-match': '"v0"' }, 'failed', 'failed', 'failed'],
    [{ 'if-match': 'W/"v1"' }, 'failed', 'failed', 'failed'],
    [{ 'if-match': 'v1' }, 'failed', 'failed', 'failed'],
    [{ 'if-none-match': '*' }, 'not-modified', 'failed', 'proceed'],
    [{ 'if-none-match': '"v1"' }, 'not-modified', 'failed', 'proceed'],
    [{ 'if-none-match': 'W/"v1"' }, 'not-modified', 'failed', 'proceed'],
    [{ 'if-none-match': '"v0", "v2"' }, 'proceed', 'proceed', 'proceed'],
    [{ 'if-none-match': 'JoplinIgnore-1' }, 'proceed', 'proceed', 'proceed'],
    [{ 'if-modified-since': AT }, 'not-modified', 'proceed', 'proceed'],
    [{ 'if-modified-since': AFTER }, 'not-modified', 'proceed', 'proceed'],
    [{ 'if-modified-since': BEFORE }, 'proceed', 'proceed', 'proceed'],
    [{ 'if-modified-since': 'yesterday' }, 'proceed', 'proceed', 'proceed'],
    [{ 'if-unmodified-since': AT }, 'proceed', 'proceed', 'proceed'],
    [{ 'if-unmodified-since': BEFORE }, 'failed', 'failed', 'proceed'],
    [{ 'if-unmodified-since': '0' }, 'proceed', 'proceed', 'proceed'],
    // RFC 9110, 13.2.2: tags before dates.
    [{ 'if-match': '"v1"', 'if-unmodified-since': BEFORE }, 'proceed', 'proceed', 'failed'],
    [{ 'if-none-match': '"v0"', 'if-modified-since': AFTER }, 'proceed', 'proceed', 'proceed'],
    [{ 'if-match': '"v0"', 'if-none-match': '"v1"' }, 'failed', 'failed', 'failed'],
    [{ 'if-match': '"v1"', 'if-none-match': '"v1"' }, 'not-modified', 'failed', 'failed'],
    [{ 'if-modified-since': 'Sunday, 06-Nov-94 08:49:37 GMT' }, 'not-modified', 'proceed', 'proceed'],
    [{ 'if-modified-since': 'Sun Nov  6 08:49:37 1994' }, 'not-modified', 'proceed', 'proceed'],
    [{ 'if-modified-since': 'Sun Nov  6 08:49:36 1994' }, 'proceed', 'proceed', 'proceed'],
  ];
  for (const [headers, onRead, onWrite, onNothing] of cases) {
    test(JSON.stringify(headers), () => {
      assert.equal(checkConditions(headers, HERE, true), onRead);
      assert.equal(checkConditions(headers, HERE, false), onWrite);
      assert.equal(checkConditions(headers, undefined, false), onNothing);
    });
  }

  test('takes a thing without an entity tag for one that no tag matches', () => {
    const directory = { etag: undefined, lastModifiedMs: MODIFIED };
    assert.equal(checkConditions({ 'if-match': '"v1"' }, directory, false), 'failed');
    assert.equal(checkConditions({ 'if-none-match': '"v1"' }, directory, false), 'proceed');
    assert.equal(checkConditions({ 'if-none-match': '*' }, directory, false), 'failed');
  });
});

describe('isRangeWanted', () => {
  const cases: ReadonlyArray<readonly [ifRange: string | undefined, nowMs: number, isWanted: boolean]> = [
    [undefined, MODIFIED, true],
    ['"v1"', MODIFIED, true],
    ['W/"v1"', MODIFIED, false],
    ['"v0"', MODIFIED, false],
    [AT, MODIFIED + 1000, true],
    [AT, MODIFIED, false],
    [BEFORE, MODIFIED + 5000, false],
    [AFTER, MODIFIED + 5000, false],
  ];
  for (const [ifRange, nowMs, isWanted] of cases) {
    test(`${ifRange} ${nowMs - MODIFIED} ms after the change: ${isWanted}`, () => {
      assert.equal(
        isRangeWanted(ifRange === undefined ? {} : { 'if-range': ifRange }, HERE, nowMs),
        isWanted,
      );
    });
  }
});

describe('requestedRange', () => {
  const cases: ReadonlyArray<readonly [header: string, sizeBytes: number, range: unknown]> = [
    ['bytes=0-9', 100, { start: 0, end: 10 }],
    ['bytes=0-0', 100, { start: 0, end: 1 }],
    ['bytes=90-', 100, { start: 90, end: 100 }],
    ['bytes=90-1000', 100, { start: 90, end: 100 }],
    ['bytes=-10', 100, { start: 90, end: 100 }],
    ['bytes=-1000', 100, { start: 0, end: 100 }],
    ['Bytes = 1-2', 100, { start: 1, end: 3 }],
    ['bytes=100-', 100, 'unsatisfiable'],
    ['bytes=100-200', 100, 'unsatisfiable'],
    ['bytes=-0', 100, 'unsatisfiable'],
    ['bytes=99999999999999999999999-', 100, 'unsatisfiable'],
    ['bytes=200-,300-', 100, 'unsatisfiable'],
    ['bytes=0-9,200-', 100, { start: 0, end: 10 }],
    ['bytes=0-9,20-29', 100, 'whole'],
    ['bytes=5-2', 100, 'whole'],
    ['bytes=-', 100, 'whole'],
    ['bytes=', 100, 'whole'],
    ['bytes=a-b', 100, 'whole'],
    ['bytes=0x1-2', 100, 'whole'],
    ['bytes=1-2;3', 100, 'whole'],
    ['lines=1-2', 100, 'whole'],
    ['0-9', 100, 'whole'],
    ['bytes=0-', 0, 'whole'],
    ['bytes=-5', 0, 'whole'],
  ];
  for (const [header, sizeBytes, range] of cases) {
    test(`${header} of ${sizeBytes}`, () => {
      assert.deepEqual(requestedRange(header, sizeBytes), range);
    });
  }

  test('gives a part of the file or a word, whatever is sent', () => {
    const header = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom('0', '9', '-', ',', ' ', '=', 'b') }).map((text) => `bytes=${text}`),
    );
    fc.assert(
      fc.property(header, fc.nat(50), (text, sizeBytes) => {
        const range = requestedRange(text, sizeBytes);
        if (typeof range !== 'string') {
          assert.ok(0 <= range.start && range.start < range.end && range.end <= sizeBytes);
        }
      }),
    );
  });
});
