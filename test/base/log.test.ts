import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FsError } from '../../src/base/errors.ts';
import { createLogger, type Logger, maskSecrets } from '../../src/base/log.ts';

const CAP = 'URI:DIR2:5zz2vo6dgjdf6ah2nnnnlgd7ki:w6ykhk4mmmwvllz6ml2bk6wm4jbdmgz3pjvmqvqgb6lwwwwwwwwa';
const FILE_CAP =
  'URI:CHK:aaaaaaaaaaaaaaaaaaaaaaaaaa:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb:3:10:1234';

describe('maskSecrets', () => {
  const cases: ReadonlyArray<readonly [string, string, string]> = [
    // what, text, masked
    ['a directory cap', `open ${CAP} now`, 'open [secret] now'],
    ['a file cap', FILE_CAP, '[secret]'],
    ['a cap with a path', `/uri/${CAP}/a/b`, '/uri/[secret]/a/b'],
    ['a read-only cap', CAP.replace('DIR2', 'DIR2-RO'), '[secret]'],
    ['a literal cap', 'URI:LIT:nbswy3dp', '[secret]'],
    ['a cap in a URL', `GET /uri/${encodeURIComponent(CAP)}?t=json`, 'GET /uri/[secret]?t=json'],
    ['a cap in a URL, small hex', `/uri/${encodeURIComponent(CAP).toLowerCase()}/x`, '/uri/[secret]/x'],
    ['a cap encoded twice', encodeURIComponent(encodeURIComponent(CAP)), '[secret]'],
    ['a cap in JSON', JSON.stringify({ ro_uri: CAP }), '{"ro_uri":"[secret]"}'],
    ['two caps', `${CAP} ${FILE_CAP}`, '[secret] [secret]'],
    ['Basic', 'authorization: Basic dXNlcjpwYXNz', 'authorization: [secret]'],
    ['bearer, any case', 'bearer abc.def-ghi', '[secret]'],
    ['a password in a URL', 'http://user:hunter2@host:80/a', 'http://[secret]@host:80/a'],
    [
      'a cap in a request line of undici',
      `GET /uri/URI%3ADIR2%3Aaaaa%3Abbbb?t=json`,
      'GET /uri/[secret]?t=json',
    ],
    ['a cap in small letters', CAP.toLowerCase(), '[secret]'],
    ['a cap in JSON in JSON', JSON.stringify(JSON.stringify({ a: CAP })), '"{\\"a\\":\\"[secret]\\"}"'],
    ['an app token', 'token twd_abc-DEF_123 of alice', 'token [secret] of alice'],
    ['a header of any scheme', 'Authorization: Negotiate abc== d', 'Authorization: [secret]'],
    ['a header in JSON', '{"authorization":"Token abc","a":1}', '{"authorization":"[secret]","a":1}'],
    ['Digest', 'Digest username="alice", response="0123", nc=1', '[secret]'],
    ['Digest in JSON', JSON.stringify({ a: 'Digest username="alice", response="0123"' }), '{"a":"[secret]"}'],
    ['a password in JSON', '{"password":"hunter2","a":1}', '{"password":"[secret]","a":1}'],
    ['a passphrase in a query', '/a?passphrase=hunter2&b=c', '/a?passphrase=[secret]&b=c'],
    ['no words about passwords', 'the password in /a: wrong', 'the password in /a: wrong'],
    ['nothing', 'GET /a/b?c=d 200 in 3 ms', 'GET /a/b?c=d 200 in 3 ms'],
    [
      'a URL without password',
      '{"url":"http://[::1]:80","to":"a@b"}',
      '{"url":"http://[::1]:80","to":"a@b"}',
    ],
  ];
  for (const [what, text, masked] of cases) {
    test(`masks ${what}`, () => assert.equal(maskSecrets(text), masked));
  }

  test('leaves no part of a cap, whatever stands around it', () => {
    const around = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(around, around, (before, after) => {
        const masked = maskSecrets(`${before} ${CAP} ${after}`);
        assert.ok(!masked.includes('5zz2vo6d') && !masked.includes('w6ykhk4m'));
      }),
    );
  });
});

describe('createLogger', () => {
  function logger(
    format: 'text' | 'json',
    level: 'debug' | 'warn' = 'debug',
  ): { log: Logger; lines: string[] } {
    const lines: string[] = [];
    return { log: createLogger(level, format, (line) => lines.push(line)), lines };
  }

  for (const format of ['text', 'json'] as const) {
    test(`masks message, fields and error chain in ${format}`, () => {
      const { log, lines } = logger(format);
      log.info(`got ${CAP}`);
      log.info({ url: `/uri/${encodeURIComponent(CAP)}`, deep: { cap: CAP } }, 'asked');
      const cause = Object.assign(new Error(`connect to ${CAP}`), { code: 'ECONNREFUSED' });
      log.error({ err: new FsError('unavailable', 'the node is down', { cause }) }, 'failed');
      log.error({ err: new Error(`a bug with ${CAP}`) }, 'failed');
      assert.equal(lines.length, 4);
      const all = lines.join('');
      assert.ok(!all.includes('5zz2vo6d'), all);
      assert.match(all, /\[secret\]/);
      assert.match(all, /the node is down: connect to/);
    });
  }

  test('gives a stack for a bug and none for what a user can meet', () => {
    const { log, lines } = logger('json');
    log.error({ err: new FsError('not-found', 'no such thing') }, 'failed');
    log.error({ err: new TypeError('undefined is not a function') }, 'failed');
    assert.doesNotMatch(lines[0] ?? '', /stack|at .*log\.test/);
    assert.match(JSON.parse(lines[1] ?? '').err.stack, /log\.test/);
  });

  test('writes one line for a record: time, level, message, fields', () => {
    const { log, lines } = logger('text');
    log.warn({ path: '/a b', count: 3, list: [1] }, 'something');
    assert.match(
      lines[0] ?? '',
      /^\d{4}-\d\d-\d\dT[\d:.]+Z warn: something path=\/a b count=3 list=\[1\]\n$/,
    );
  });

  test('lets no text of others begin a line of its own', () => {
    for (const format of ['text', 'json'] as const) {
      const { log, lines } = logger(format);
      log.warn({ path: '/a\nerror: forged', agent: 'x\r\ny\u001b[2J' }, 'line one\nline two');
      assert.doesNotMatch((lines[0] ?? '').slice(0, -1), /[\u0000-\u001f\u007f]/, format);
    }
  });

  test('leaves out what is below its level', () => {
    const { log, lines } = logger('text', 'warn');
    log.info('too much');
    assert.deepEqual(lines, []);
  });
});
