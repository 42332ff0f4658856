// The npm package `webdav`, which Obsidian's plugins, Nextcloud's apps and many scripts are built on, with every call that
// a user of it has.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { AuthType, createClient, type FileStat, type WebDAVClient } from 'webdav';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { ACCOUNT } from './real-client.ts';
import { type ServerProcess, startServer } from './server-process.ts';

const CONTENT = 'what was written';
/** Names that clients get wrong. */
const NAMES = [
  'two words.txt',
  'ünï cödé 日本語.txt',
  '100% sure.txt',
  'hash #1.txt',
  'a&b+c=d.txt',
  'what?.txt',
  "it's (1) [2].txt",
];

describe('the npm package webdav', () => {
  let folder: TemporaryFolder;
  let server: ServerProcess;
  let client: WebDAVClient;

  before(async () => {
    folder = await temporaryFolder();
    await writeFile(folder.file('password'), `${ACCOUNT.password}\n`, { mode: 0o600 });
    const account = ['--user', ACCOUNT.name, '--password-file', folder.file('password')];
    server = await startServer({ args: [...account, '--baseurl', '/dav'] });
    client = createClient(server.url, {
      authType: AuthType.Password,
      username: ACCOUNT.name,
      password: ACCOUNT.password,
    });
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const names = async (path: string): Promise<string[]> =>
    (await client.getDirectoryContents(path)).map(({ basename }) => basename).sort();

  test('makes directories, one by one and with their parents', async () => {
    await client.createDirectory('/dirs');
    await client.createDirectory('/dirs/a/b/c', { recursive: true });
    assert.deepEqual(await names('/dirs'), ['a']);
    await assert.rejects(client.createDirectory('/dirs/a'), { status: 405 });
    await assert.rejects(client.createDirectory('/dirs/none/x'), { status: 409 });
    const deep = await client.getDirectoryContents('/dirs', { deep: true });
    assert.deepEqual(deep.map(({ filename, type }) => [filename, type]).sort(), [
      ['/dirs/a', 'directory'],
      ['/dirs/a/b', 'directory'],
      ['/dirs/a/b/c', 'directory'],
    ]);
  });

  test('writes and reads texts and bytes, and replaces only what it may', async () => {
    assert.equal(await client.putFileContents('/file', CONTENT), true);
    assert.equal(await client.putFileContents('/file', 'other', { overwrite: false }), false);
    assert.equal(await client.getFileContents('/file', { format: 'text' }), CONTENT);
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
    assert.equal(await client.putFileContents('/file', bytes), true);
    assert.deepEqual(Buffer.from((await client.getFileContents('/file')) as Buffer), bytes);
    await assert.rejects(client.getFileContents('/none'), { status: 404 });
  });

  test('streams both ways, and a part', async () => {
    const bytes = Buffer.alloc(1_000_000, 'stream ');
    await new Promise<void>((resolve, reject) => {
      const up = client.createWriteStream('/streamed', undefined, () => resolve());
      up.on('error', reject);
      (up as Writable).end(bytes);
    });
    assert.deepEqual(await buffer(client.createReadStream('/streamed') as Readable), bytes);
    const part = client.createReadStream('/streamed', { range: { start: 7, end: 12 } });
    assert.equal(await text(part as Readable), 'stream');
  });

  test('tells what is there', async () => {
    await client.putFileContents('/stat', CONTENT);
    const stat = (await client.stat('/stat')) as FileStat;
    assert.deepEqual([stat.type, stat.size, stat.basename], ['file', CONTENT.length, 'stat']);
    assert.ok(Math.abs(Date.parse(stat.lastmod) - Date.now()) < 60_000, stat.lastmod);
    assert.match(stat.etag ?? '', /^[\w-]{22}$/);
    assert.deepEqual([await client.exists('/stat'), await client.exists('/none')], [true, false]);
    assert.equal(((await client.stat('/')) as FileStat).type, 'directory');
    assert.equal(await client.getQuota(), null); // without a quota nobody knows what is used
    const { compliance } = await client.getDAVCompliance('/');
    assert.ok(['1', '2', '3', 'sabredav-partialupdate'].every((name) => compliance.includes(name)));
  });

  test('copies, moves and deletes', async () => {
    await client.putFileContents('/from', CONTENT);
    await client.copyFile('/from', '/copy');
    await client.moveFile('/from', '/moved');
    assert.deepEqual([await client.exists('/from'), await client.exists('/copy')], [false, true]);
    await assert.rejects(client.moveFile('/copy', '/moved', { overwrite: false }), { status: 412 });
    await client.moveFile('/copy', '/moved');
    await client.deleteFile('/moved');
    assert.equal(await client.exists('/moved'), false);
    await assert.rejects(client.deleteFile('/moved'), { status: 404 });
  });

  test('finds files of any name again', async () => {
    await client.createDirectory('/names');
    for (const name of NAMES) {
      await client.putFileContents(`/names/${name}`, name);
    }
    assert.deepEqual(await names('/names'), [...NAMES].sort());
    for (const name of NAMES) {
      assert.equal(await client.getFileContents(`/names/${name}`, { format: 'text' }), name);
      await client.moveFile(`/names/${name}`, `/names/moved ${name}`);
      await client.deleteFile(`/names/moved ${name}`);
    }
    assert.deepEqual(await names('/names'), []);
  });

  test('locks and unlocks', async () => {
    await client.putFileContents('/locked', CONTENT);
    const { token } = await client.lock('/locked', { timeout: 'Infinite, Second-4100000000' });
    await assert.rejects(client.putFileContents('/locked', 'x'), { status: 423 });
    const headers = { If: `(<${token}>)` };
    assert.equal(await client.putFileContents('/locked', 'mine', { headers }), true);
    await client.unlock('/locked', token);
    assert.equal(await client.putFileContents('/locked', 'x'), true);
  });

  test('updates a part of a file', async () => {
    await client.putFileContents('/parts', '1234567890');
    await client.partialUpdateFileContents('/parts', 3, 6, 'ABCD');
    await client.partialUpdateFileContents('/parts', 10, 11, 'XY');
    assert.equal(await client.getFileContents('/parts', { format: 'text' }), '123ABCD890XY');
    await assert.rejects(client.partialUpdateFileContents('/none', 0, 0, 'A'), { status: 404 });
  });

  test('sets and gets properties by requests of the user’s own', async () => {
    await client.putFileContents('/props', CONTENT);
    const set =
      '<propertyupdate xmlns="DAV:"><set><prop><x:tag xmlns:x="urn:x">red</x:tag></prop></set></propertyupdate>';
    assert.equal((await client.customRequest('/props', { method: 'PROPPATCH', data: set })).status, 207);
    const answer = (await client.stat('/props', {
      details: true,
      data: '<propfind xmlns="DAV:"><prop><x:tag xmlns:x="urn:x"/></prop></propfind>',
    } as object)) as { data: FileStat };
    assert.equal(answer.data.props?.['tag'], 'red');
  });

  test('leaves nothing that the server complains of', () => {
    assert.doesNotMatch(server.stderr(), / (warn|error|fatal): (?!no Tahoe node is given)/);
  });
});
