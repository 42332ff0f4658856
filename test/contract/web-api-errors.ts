// Contract of the web API, what it answers when it can't: statuses and the words that clients look at.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { RawOptions } from './raw-http.ts';
import { uri, type WebApi } from './web-api-client.ts';

const LOST_CHK = `URI:CHK:${'a'.repeat(26)}:${'a'.repeat(52)}:1:1:1000`;
const LOST_DIR = `URI:DIR2:${'a'.repeat(26)}:${'a'.repeat(52)}`;
const LOST_SSK = `URI:SSK:${'a'.repeat(26)}:${'a'.repeat(52)}`;

interface Caps {
  readonly dir: string;
  readonly readOnly: string;
  readonly chk: string;
}

type Case = readonly [
  what: string,
  status: number,
  text: RegExp,
  method: string,
  target: (caps: Caps) => string,
  options?: RawOptions,
];

const cases: readonly Case[] = [
  ['a name that is not there', 404, /<p>No such child: nope<\/p>/, 'GET', ({ dir }) => uri(dir, 'nope')],
  ['its JSON', 404, /No such child: nope/, 'GET', ({ dir }) => `${uri(dir, 'nope')}?t=json`],
  ['the first missing of a path', 404, /No such child: nope/, 'GET', ({ dir }) => uri(dir, 'nope', 'deeper')],
  ['a child of a file', 400, /Files have no children named/, 'GET', ({ dir }) => uri(dir, 'file', 'x')],
  [
    'a write below a file',
    409,
    /a file was in the way/,
    'PUT',
    ({ dir }) => uri(dir, 'file', 'x'),
    { body: 'x' },
  ],
  [
    'a write two below a file',
    409,
    /a file was in the way/,
    'PUT',
    ({ dir }) => uri(dir, 'file', 'x', 'y'),
    { body: 'x' },
  ],
  [
    'mkdir below a file',
    409,
    /a file was in the way/,
    'PUT',
    ({ dir }) => `${uri(dir, 'file', 'x')}?t=mkdir`,
  ],
  ['below a file cap', 409, /its parent is a file/, 'PUT', ({ chk }) => uri(chk, 'x'), { body: 'x' }],
  ['a double slash', 400, /empty pathname components/, 'GET', ({ dir }) => `${uri(dir)}//x`],
  ['two slashes at the end', 400, /empty pathname components/, 'GET', ({ dir }) => `${uri(dir)}//`],
  ['PUT on a directory', 400, /PUT to a directory/, 'PUT', ({ dir }) => uri(dir), { body: 'x' }],
  ['PUT on a child directory', 400, /PUT to a directory/, 'PUT', ({ dir }) => uri(dir, 'sub'), { body: 'x' }],
  [
    'PUT with a slash at the end',
    400,
    /PUT to a directory/,
    'PUT',
    ({ dir }) => `${uri(dir, 'slash')}/`,
    { body: 'x' },
  ],
  [
    'PUT that may not replace',
    409,
    /There was already a child/,
    'PUT',
    ({ dir }) => `${uri(dir, 'file')}?replace=false`,
    { body: 'x' },
  ],
  [
    'PUT t=uri that may not replace',
    409,
    /There was already a child/,
    'PUT',
    ({ dir }) => `${uri(dir, 'file')}?t=uri&replace=false`,
    { body: 'URI:LIT:me' },
  ],
  [
    'PUT t=uri over a directory',
    409,
    /There was already a child/,
    'PUT',
    ({ dir }) => `${uri(dir, 'sub')}?t=uri&replace=only-files`,
    { body: 'URI:LIT:me' },
  ],
  [
    'an unknown write cap',
    400,
    /MustNotBeUnknownRWError/,
    'PUT',
    ({ dir }) => `${uri(dir, 'new')}?t=uri`,
    { body: 'x-other:cap' },
  ],
  [
    'a blank before a cap',
    400,
    /MustNotBeUnknownRWError/,
    'PUT',
    ({ dir }) => `${uri(dir, 'new')}?t=uri`,
    { body: ' URI:LIT:me' },
  ],
  ['POST t=uri without a cap', 400, /requires a uri/, 'POST', ({ dir }) => `${uri(dir)}?t=uri&name=x`],
  [
    'POST t=uri without a name',
    400,
    /requires a name/,
    'POST',
    ({ dir }) => `${uri(dir)}?t=uri&uri=URI:LIT:me`,
  ],
  [
    'unlink of what is not there',
    404,
    /No such child: nope/,
    'POST',
    ({ dir }) => `${uri(dir)}?t=unlink&name=nope`,
  ],
  ['DELETE of what is not there', 404, /No such child: nope/, 'DELETE', ({ dir }) => uri(dir, 'nope')],
  ['DELETE of a cap itself', 500, /AssertionError/, 'DELETE', ({ dir }) => uri(dir)],
  ['DELETE of a file cap', 500, /AssertionError/, 'DELETE', ({ chk }) => uri(chk)],
  ['PUT of a file cap', 500, /AssertionError/, 'PUT', ({ chk }) => uri(chk), { body: 'x' }],
  [
    'an unknown operation on a directory',
    400,
    /bad t=nonsense/,
    'POST',
    ({ dir }) => `${uri(dir)}?t=nonsense`,
  ],
  ['an unknown operation on a file', 400, /bad t=nonsense/, 'POST', ({ chk }) => `${uri(chk)}?t=nonsense`],
  ['an unknown view of a directory', 400, /bad t=nonsense/, 'GET', ({ dir }) => `${uri(dir)}?t=nonsense`],
  ['an unknown view of a file', 400, /bad t=nonsense/, 'GET', ({ chk }) => `${uri(chk)}?t=nonsense`],
  [
    'an unknown PUT to a file',
    400,
    /bad t=nonsense/,
    'PUT',
    ({ dir }) => `${uri(dir, 'file')}?t=nonsense`,
    { body: 'x' },
  ],
  [
    'an unknown PUT to nothing',
    404,
    /No such child/,
    'PUT',
    ({ dir }) => `${uri(dir, 'nope')}?t=nonsense`,
    { body: 'x' },
  ],
  ['an unknown PUT to /uri', 400, /\/uri accepts only/, 'PUT', () => '/uri?t=nonsense', { body: 'x' }],
  ['an unknown POST to /uri', 400, /\/uri accepts only/, 'POST', () => '/uri?t=nonsense'],
  ['GET of /uri', 400, /requires uri=/, 'GET', () => '/uri'],
  ['DELETE of /uri', 501, /how to treat a DELETE/, 'DELETE', () => '/uri'],
  ['PROPFIND', 501, /how to treat a PROPFIND/, 'PROPFIND', ({ dir }) => uri(dir)],
  ['OPTIONS', 501, /how to treat a OPTIONS/, 'OPTIONS', ({ chk }) => uri(chk)],
  ['something else than a cap', 400, /GET unknown URI type/, 'GET', () => uri('garbage')],
  ['a cap with a wrong last letter', 400, /GET unknown URI type/, 'GET', () => uri('URI:LIT:mf')],
  ['POST to something else than a cap', 405, /./, 'POST', () => `${uri('garbage')}?t=check`],
  ['a path below something else', 404, /No Such Resource/, 'GET', () => uri('garbage', 'x')],
  ['another top', 404, /./, 'GET', () => '/nonsense'],
  ['a lost CHK file', 410, /^NoSharesError/, 'GET', () => uri(LOST_CHK)],
  ['a range of it', 410, /^NoSharesError/, 'GET', () => uri(LOST_CHK), { headers: { range: 'bytes=0-9' } }],
  ['a lost mutable file', 410, /^UnrecoverableFileError/, 'GET', () => uri(LOST_SSK)],
  ['its JSON', 200, /"SDMF"/, 'GET', () => `${uri(LOST_SSK)}?t=json`],
  ['a write to it', 410, /^UnrecoverableFileError/, 'PUT', () => uri(LOST_SSK), { body: 'x' }],
  ['a lost directory', 410, /^\{"error": ?"UnrecoverableFileError/, 'GET', () => `${uri(LOST_DIR)}?t=json`],
  ['a name in a lost directory', 410, /<p>UnrecoverableFileError/, 'GET', () => uri(LOST_DIR, 'x')],
  [
    'a write to a name in a lost directory',
    410,
    /UnrecoverableFileError/,
    'PUT',
    () => uri(LOST_DIR, 'x'),
    { body: 'x' },
  ],
  [
    'set_children in a lost directory',
    410,
    /UnrecoverableFileError/,
    'POST',
    () => `${uri(LOST_DIR)}?t=set_children`,
    { body: '{"a":["filenode",{"ro_uri":"URI:LIT:me"}]}' },
  ],
  [
    'unlink in a lost directory',
    410,
    /UnrecoverableFileError/,
    'POST',
    () => `${uri(LOST_DIR)}?t=unlink&name=x`,
  ],
  [
    'PUT into a read-only directory',
    500,
    /NotWriteableError/,
    'PUT',
    ({ readOnly }) => uri(readOnly, 'x'),
    { body: 'x' },
  ],
  [
    't=uri into a read-only directory',
    500,
    /NotWriteableError/,
    'PUT',
    ({ readOnly }) => `${uri(readOnly, 'x')}?t=uri`,
    { body: 'URI:LIT:me' },
  ],
  [
    'DELETE from a read-only directory',
    500,
    /NotWriteableError/,
    'DELETE',
    ({ readOnly }) => uri(readOnly, 'file'),
  ],
  [
    'unlink from a read-only directory',
    500,
    /NotWriteableError/,
    'POST',
    ({ readOnly }) => `${uri(readOnly)}?t=unlink&name=file`,
  ],
  [
    'rename in a read-only directory',
    500,
    /NotWriteableError/,
    'POST',
    ({ readOnly }) => `${uri(readOnly)}?t=rename&from_name=file&to_name=x`,
  ],
  [
    'mkdir in a read-only directory',
    500,
    /NotWriteableError/,
    'POST',
    ({ readOnly }) => `${uri(readOnly)}?t=mkdir&name=x`,
  ],
  [
    'set_children in a read-only directory',
    500,
    /AssertionError/,
    'POST',
    ({ readOnly }) => `${uri(readOnly)}?t=set_children`,
    { body: '{"a":["filenode",{"ro_uri":"URI:LIT:me"}]}' },
  ],
  ['the JSON of garbage', 200, /"unknown"/, 'GET', () => `${uri('garbage')}?t=json`],
  ['a write cap called read-only', 200, /"unknown"/, 'GET', ({ dir }) => `${uri(`ro.${dir}`)}?t=json`],
  [
    'the JSON of a CHK verify cap',
    500,
    /./,
    'GET',
    () => `${uri(`URI:CHK-Verifier:${'a'.repeat(26)}:${'a'.repeat(52)}:1:1:1000`)}?t=json`,
  ],
  [
    'the JSON of another verify cap',
    200,
    /"unknown"/,
    'GET',
    () => `${uri(`URI:SSK-Verifier:${'a'.repeat(26)}:${'a'.repeat(52)}`)}?t=json`,
  ],
  ['an empty cap in t=uri', 200, /^$/, 'PUT', ({ dir }) => `${uri(dir, 'none')}?t=uri`, { body: '' }],
  [
    'a line end behind a cap',
    200,
    /^URI:LIT:me$/,
    'PUT',
    ({ dir }) => `${uri(dir, 'line')}?t=uri`,
    { body: 'URI:LIT:me\n' },
  ],
  ['a slash behind a directory', 200, /"dirnode"/, 'GET', ({ dir }) => `${uri(dir)}/?t=json`],
  ['a slash behind a file', 400, /Files have no children/, 'GET', ({ dir }) => `${uri(dir, 'file')}/`],
  ['a cap with its prefix', 200, /"filenode"/, 'GET', ({ chk }) => `${uri(`imm.${chk}`)}?t=json`],
  ['the other name of /uri', 200, /"dirnode"/, 'GET', ({ dir }) => `/cap/${encodeURIComponent(dir)}?t=json`],
];

export function errorsContract(api: () => WebApi): void {
  describe('answers', () => {
    let caps: Caps;
    before(async () => {
      const chk = await api().store(Buffer.alloc(1000, 1));
      const sub = await api().makeDirectory();
      const dir = await api().makeDirectory([
        ['file', { ro_uri: chk }],
        ['sub', { rw_uri: sub }],
      ]);
      caps = { chk, dir, readOnly: await api().readCapOf(dir) };
    });

    for (const [what, status, text, method, target, options] of cases) {
      test(`${status} for ${what}`, async () => {
        const answer = await api().ask(method, target(caps), options);
        assert.equal(answer.status, status, answer.text.slice(-300));
        assert.match(answer.text, text);
      });
    }

    test('with a page in the way, with text at the end of it', async () => {
      const onTheWay = await api().want(404, 'GET', uri(caps.dir, 'nope'));
      assert.match(onTheWay.headers['content-type'] ?? '', /^text\/html/);
      const atTheEnd = await api().want(404, 'POST', `${uri(caps.dir)}?t=unlink&name=nope`);
      assert.match(atTheEnd.headers['content-type'] ?? '', /^text\/plain/);
      const failure = await api().want(500, 'DELETE', uri(caps.readOnly, 'file'));
      assert.match(failure.headers['content-type'] ?? '', /^text\/plain/);
      assert.match(
        failure.text.trimEnd().split('\n').at(-1) ?? '',
        /allmydata\.mutable\.common\.NotWriteableError/,
      );
      const forPeople = await api().want(500, 'DELETE', uri(caps.readOnly, 'file'), {
        headers: { accept: '*/*' },
      });
      assert.match(forPeople.headers['content-type'] ?? '', /^text\/html/);
    });

    test('none to a request line over 16 KiB', async () => {
      const target = uri(caps.dir, 'n'.repeat(16_384));
      assert.equal(await api().sendBytes(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`), '');
    });

    test('nothing was changed by any of them', async () => {
      const left = [...(await api().list(caps.dir)).keys()];
      assert.deepEqual(left, ['file', 'line', 'none', 'slash', 'sub']);
    });
  });

  describe('GET /?t=json', () => {
    test('tells servers and their space', async () => {
      const { text } = await api().want(200, 'GET', '/?t=json');
      const { servers } = JSON.parse(text) as { servers: Array<Record<string, unknown>> };
      assert.equal(servers.length, 1);
      assert.equal(servers[0]?.['connection_status'], 'connected');
      assert.ok(Number(servers[0]?.['available_space']) > 0);
      assert.match(String(servers[0]?.['nodeid']), /^v0-[a-z2-7]{52}$/);
    });
  });
}
