import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ErrorCode } from '../../src/base/errors.ts';
import { errorFromAnswer, errorFromConnection } from '../../src/tahoe/answers.ts';

const traceback = (last: string): string =>
  `Traceback (most recent call last):\n  File "allmydata/x.py", line 1, in y\n    z()\n${last}\n`;

// As seen from a node (1.20.0), where not said otherwise.
const answers: ReadonlyArray<readonly [string, number, string, ErrorCode]> = [
  [
    'no shares',
    410,
    'NoSharesError: no shares could be found. Zero shares ...\n\nThe full error message is:\nno',
    'unavailable',
  ],
  [
    'too few shares',
    410,
    'NotEnoughSharesError: This indicates that some servers were unavailable',
    'unavailable',
  ],
  [
    'a directory without shares',
    410,
    '{"error": "UnrecoverableFileError: the directory could not be ..."}',
    'unavailable',
  ],
  [
    'too few servers',
    500,
    traceback('allmydata.interfaces.UploadUnhappinessError: shares could be placed'),
    'unavailable',
  ],
  ['no servers', 500, traceback('allmydata.interfaces.NoServersError: '), 'unavailable'],
  [
    'no servers for a directory',
    500,
    traceback('allmydata.mutable.common.NotEnoughServersError: (...)'),
    'unavailable',
  ],
  [
    'a read-only directory',
    500,
    traceback('Failure: allmydata.mutable.common.NotWriteableError: '),
    'read-only',
  ],
  ['a read-only directory, set_children', 500, traceback('builtins.AssertionError: '), 'read-only'],
  ['a verify cap linked', 500, traceback('builtins.AssertionError: precondition: <x>'), 'bad-cap'],
  [
    'a read-only mutable file',
    400,
    'PUT to a mutable file: replace or update requested with read-only cap',
    'read-only',
  ],
  ['another writer', 500, traceback("builtins.KeyError: (3, b'x', 0)"), 'race'],
  ['another writer, noticed', 500, traceback('allmydata.mutable.common.UncoordinatedWriteError: '), 'race'],
  [
    'a name taken',
    409,
    'There was already a child by that name, and you asked me to not replace it.',
    'exists',
  ],
  ['a name absent', 404, 'No such child: zz', 'not-found'],
  [
    'a name absent, on the way',
    404,
    '<html><body><h1>Error</h1><p>No such child: x</p></body></html>',
    'not-found',
  ],
  ['half a surrogate pair', 500, traceback("builtins.UnicodeEncodeError: 'utf-8' codec can't"), 'bad-path'],
  [
    'an unknown write cap linked',
    400,
    "MustNotBeUnknownRWError: an operation to add a child named 'c'",
    'bad-cap',
  ],
  ['an unknown cap read', 400, 'GET unknown URI type: can only do t=info and t=json, not t=.', 'bad-cap'],
  [
    'an unknown cap posted to',
    405,
    '<html><head><title>405 - Method Not Allowed</title></head></html>',
    'bad-cap',
  ],
  ['an unknown cap put to', 501, '<html><head><title>501</title></head></html>', 'bad-cap'],
  ['a file posted to', 400, 'POST to file: bad t=set_children', 'bad-cap'],
  ['a directory put to', 400, 'PUT to a directory', 'bad-cap'],
  ['any other 400', 400, 'you sent nonsense', 'bad-request'],
  ['a range behind the end', 416, 'First beyond end of file', 'conflict'],
  ['too large', 413, 'FileTooLargeError: no', 'too-large'], // from the node's source
  ['a blacklisted file', 403, 'Access Prohibited: x', 'denied'], // from the node's source
  ['an error without a name', 500, '<html><body>oops</body></html>', 'unavailable'],
  ['a name that every object has', 500, traceback('builtins.constructor: x'), 'unavailable'],
  ['a proxy in between', 502, '', 'unavailable'],
  ['a redirect', 302, '', 'unavailable'],
];

describe('errorFromAnswer', () => {
  for (const [what, status, text, code] of answers) {
    test(`calls ${what} ${code}`, () => {
      const error = errorFromAnswer('op', status, text, false);
      assert.equal(error.code, code);
      assert.equal(error.outcomeUnknown, false);
      assert.doesNotMatch(error.message, /Traceback|<html|\n/);
    });
  }

  test('does not know what a failed change of a mutable thing left behind', () => {
    const outcome = (status: number, text: string): boolean =>
      errorFromAnswer('op', status, text, true).outcomeUnknown;
    assert.equal(outcome(500, traceback('builtins.KeyError: x')), true);
    assert.equal(outcome(410, 'UnrecoverableFileError: x'), true);
    assert.equal(outcome(409, 'There was already a child by that name'), false);
    assert.equal(outcome(500, traceback('allmydata.mutable.common.NotWriteableError: ')), false);
  });

  test('masks caps', () => {
    const error = errorFromAnswer(
      'op',
      500,
      traceback('x.YError: URI:DIR2:abcdefgh:ijkl and URI%3ASSK%3Aabc'),
      false,
    );
    assert.equal(error.message, 'the node answered 500: x.YError: [secret] and [secret]');
  });
});

describe('errorFromConnection', () => {
  const withCode = (code: string): Error => Object.assign(new Error('x'), { code });
  const cases: ReadonlyArray<readonly [string, ErrorCode, boolean]> = [
    ['ECONNREFUSED', 'unavailable', false],
    ['ENOENT', 'unavailable', false],
    ['UND_ERR_CONNECT_TIMEOUT', 'timeout', false],
    ['UND_ERR_HEADERS_TIMEOUT', 'timeout', true],
    ['UND_ERR_BODY_TIMEOUT', 'timeout', true],
    ['UND_ERR_SOCKET', 'unavailable', true],
    ['ECONNRESET', 'unavailable', true],
    ['HPE_INVALID_CONSTANT', 'unavailable', true],
  ];
  for (const [code, want, wasSent] of cases) {
    test(`calls ${code} ${want}, ${wasSent ? 'outcome unknown' : 'nothing sent'}`, () => {
      const write = errorFromConnection('op', withCode(code), true);
      assert.deepEqual([write.code, write.outcomeUnknown], [want, wasSent]);
      assert.equal(errorFromConnection('op', withCode(code), false).outcomeUnknown, false);
    });
  }
});
