// Who may come in, asked of the whole program with bytes: whatever can't be proved to be the account is nobody.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { ask, head } from '../http/raw-client.ts';
import { type ServerProcess, startServer } from './server-process.ts';

const PASSWORD = 'sésame: open';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const RIGHT = `Basic ${base64(`ann:${PASSWORD}`)}`;

const REFUSED: ReadonlyArray<readonly [about: string, ...values: readonly string[]]> = [
  ['none'],
  ['an empty one', ''],
  ['a scheme alone', 'Basic'],
  ['nothing in base64', 'Basic '],
  ['no base64', 'Basic !!!!'],
  ['a name alone', `Basic ${base64('ann')}`],
  ['a name and no password', `Basic ${base64('ann:')}`],
  ['a password and no name', `Basic ${base64(`:${PASSWORD}`)}`],
  ['a colon', `Basic ${base64(':')}`],
  ['the name of something that every object has', `Basic ${base64('constructor')}`],
  ['the same with an empty password', `Basic ${base64('constructor:')}`],
  ['the prototype', `Basic ${base64('__proto__:__proto__')}`],
  ['another name', `Basic ${base64(`bob:${PASSWORD}`)}`],
  ['the name in capitals', `Basic ${base64(`ANN:${PASSWORD}`)}`],
  ['a space before the name', `Basic ${base64(` ann:${PASSWORD}`)}`],
  ['a NUL behind the name', `Basic ${base64(`ann\0:${PASSWORD}`)}`],
  ['the password up to its colon', `Basic ${base64('ann:sésame')}`],
  ['the password and more', `Basic ${base64(`ann:${PASSWORD}x`)}`],
  ['a NUL behind the password', `Basic ${base64(`ann:${PASSWORD}\0`)}`],
  ['a line break behind the password', `Basic ${base64(`ann:${PASSWORD}\n`)}`],
  ['the password in capitals', `Basic ${base64(`ann:${PASSWORD.toUpperCase()}`)}`],
  ['the right one, not in base64', `Basic ann:${PASSWORD.replace('é', '\xe9')}`],
  ['the right one as a token', RIGHT.replace('Basic', 'Bearer')],
  ['the right one twice in one line', `${RIGHT}, ${RIGHT}`],
  ['Digest', 'Digest username="ann", realm="tahoe-webdav", nonce="", uri="/", response=""'],
  ['Digest of the name of something that every object has', 'Digest username="constructor", response=""'],
  ['10,000 letters', `Basic ${'A'.repeat(10_000)}`],
  ['a password of 10,000 letters', `Basic ${base64(`ann:${'x'.repeat(10_000)}`)}`],
];

/** The right one in the nth of 32 spellings: the scheme has no case. */
function right(n: number): string {
  return RIGHT.replace('Basic', (word) =>
    [...word].map((letter, bit) => (n & (1 << bit) ? letter.toUpperCase() : letter.toLowerCase())).join(''),
  );
}

describe('a server with one account', () => {
  let folder: TemporaryFolder;
  let server: ServerProcess;
  let port: number;
  before(async () => {
    folder = await temporaryFolder();
    await writeFile(folder.file('password'), `${PASSWORD}\n`, { mode: 0o600 });
    server = await startServer({ args: ['--user', 'ann', '--password-file', folder.file('password')] });
    port = Number(new URL(server.url).port);
    const put = head('PUT /file.txt HTTP/1.1', `Authorization: ${RIGHT}`, 'Content-Length: 4');
    assert.equal((await ask(port, `${put}kept`)).status, 201);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const read = (login: string): Promise<{ readonly text: string }> =>
    ask(port, head('GET /file.txt HTTP/1.1', `Authorization: ${login}`));

  for (const [n, [about, ...values]] of REFUSED.entries()) {
    test(`refuses a login with ${about}, and lets the right one in`, async () => {
      const { status, text } = await ask(
        port,
        head('DELETE /file.txt HTTP/1.1', ...values.map((value) => `Authorization: ${value}`)),
      );
      assert.equal(status, 401, text);
      assert.match(text, /\r\nWWW-Authenticate: Basic realm=/);
      // A spelling not seen before is proved anew. It also ends the row of failures, each of which waits longer.
      assert.match((await read(right(n))).text, /^HTTP\/1\.1 200 .*\r\n\r\nkept$/s);
    });
  }

  test('asks before it tells anything', async () => {
    for (const line of ['GET /nothing', 'OPTIONS /', 'OPTIONS *', 'PROPFIND /', 'GET /-/status', 'POST /']) {
      assert.equal((await ask(port, head(`${line} HTTP/1.1`))).status, 401, line);
    }
    assert.equal((await ask(port, head('GET /-/healthz HTTP/1.1'))).status, 200);
  });

  test('asks nobody again who is in', async () => {
    assert.doesNotMatch((await read(RIGHT)).text, /WWW-Authenticate/i);
  });

  test('logs nothing of what was tried', () => {
    assert.doesNotMatch(server.stderr(), /Basic|sésame|QU5O|YW5u/);
  });
});
