import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type ErrorCode,
  FsError,
  hasCode,
  internalError,
  isErrorCode,
  isRetryable,
  systemCode,
} from '../../src/base/errors.ts';

describe('FsError', () => {
  test('keeps what it is told, and its cause only where there is one', () => {
    const cause = new Error('below');
    const error = new FsError('unavailable', 'no node', { op: 'list', path: '/a', hint: 'wait', cause });
    assert.deepEqual(
      [error.code, error.message, error.op, error.path, error.hint, error.cause, error.outcomeUnknown],
      ['unavailable', 'no node', 'list', '/a', 'wait', cause, false],
    );
    assert.ok(!('cause' in new FsError('not-found', 'nothing')));
    assert.equal(new FsError('race', 'two', { outcomeUnknown: true }).outcomeUnknown, true);
  });
});

describe('isRetryable', () => {
  const healing: readonly ErrorCode[] = ['unavailable', 'timeout', 'race'];
  const lasting: readonly ErrorCode[] = [
    'not-found',
    'read-only',
    'corrupt',
    'aborted',
    'no-space',
    'conflict',
  ];
  for (const code of [...healing, ...lasting]) {
    test(`says ${healing.includes(code)} of ${code}`, () => {
      assert.equal(isRetryable(new FsError(code, 'x')), healing.includes(code));
    });
  }

  test('says no of what is no error of ours', () => {
    for (const other of [new Error('unavailable'), 'unavailable', undefined, { code: 'unavailable' }]) {
      assert.equal(isRetryable(other), false);
    }
  });
});

describe('hasCode', () => {
  test('looks for any of the codes, in our errors only', () => {
    const error = new FsError('exists', 'x');
    assert.equal(hasCode(error, 'not-found', 'exists'), true);
    assert.equal(hasCode(error, 'not-found'), false);
    assert.equal(hasCode({ code: 'exists' }, 'exists'), false);
  });
});

describe('isErrorCode', () => {
  test('knows our codes, and nothing that only looks like one', () => {
    assert.equal(isErrorCode('not-running'), true);
    for (const text of ['', 'ENOENT', 'internal', 'toString', '__proto__']) {
      assert.equal(isErrorCode(text), false, text);
    }
  });
});

describe('systemCode', () => {
  const cases: ReadonlyArray<readonly [unknown, string | undefined]> = [
    [Object.assign(new Error('x'), { code: 'ENOENT' }), 'ENOENT'],
    [{ code: 5 }, undefined],
    [new Error('x'), undefined],
    [null, undefined],
    ['ENOENT', undefined],
  ];
  for (const [error, code] of cases) {
    test(`finds ${code} in ${String(error)}`, () => assert.equal(systemCode(error), code));
  }
});

describe('internalError', () => {
  test('is a bug, not an FsError', () => {
    const error = internalError('never so');
    assert.equal(error.message, 'internal: never so');
    assert.ok(!(error instanceof FsError));
  });
});
