// Microsoft Office: on a drive that the mini-redirector serves, and by WebDAV of its own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, type Headers, type PlayedClient, serverForFile, tokenOf } from './play.ts';

const server = await serverForFile();
const drive = clientOf(server, {
  'User-Agent': 'Microsoft-WebDAV-MiniRedir/10.0.19045',
  translate: 'f',
});
const word = clientOf(server, {
  'User-Agent': 'Microsoft Office Word/16.0.17328 (Windows/10.0; Desktop client; en-US)',
  'X-Office-Major-Version': '16',
  'X-MSGETWEBURL': 't',
  'X-IDCRL_ACCEPTED': 't',
});

async function lock(client: PlayedClient, path: string, who: string, status = 200): Promise<Headers> {
  const body = `<?xml version="1.0" encoding="utf-8" ?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>${who}</D:href></D:owner></D:lockinfo>`;
  const headers = { 'Content-Type': 'text/xml; charset="utf-8"', Timeout: 'Second-3600' };
  return { If: `(<${tokenOf(await client.gets(status, 'LOCK', path, headers, body))}>)` };
}

async function unlock(client: PlayedClient, path: string, { If }: Headers, status = 204): Promise<void> {
  await client.gets(status, 'UNLOCK', path, { 'Lock-Token': String(If).slice(1, -1) });
}

/** A new file on the drive: an empty one, then its content under a lock, which is given back. */
async function create(path: string, content: string): Promise<Headers> {
  await drive.gets(404, 'PROPFIND', path, { Depth: '0' });
  await drive.gets(201, 'PUT', path, { 'Content-Length': '0' });
  const held = await lock(drive, path, 'DESKTOP\\anna');
  await drive.gets(204, 'PUT', path, held, content);
  return held;
}

async function move(from: string, to: string, headers: Headers = {}): Promise<void> {
  await drive.gets(201, 'MOVE', from, {
    Destination: drive.origin + to,
    Overwrite: 'F',
    ...headers,
  });
}

test('Word saves a document on the drive by way of two temporary names', async () => {
  await drive.gets(201, 'MKCOL', '/word');
  await unlock(drive, '/word/Letter.docx', await create('/word/Letter.docx', 'first version'));
  // Opened: the document is locked, and a file beside it says who has it.
  const first = await lock(drive, '/word/Letter.docx', 'DESKTOP\\anna');
  const owner = await create('/word/~$Letter.docx', 'anna'.padEnd(162));
  await unlock(drive, '/word/~$Letter.docx', owner);
  await drive.reads('first version', '/word/Letter.docx');
  // Saved.
  await unlock(drive, '/word/~WRD0000.tmp', await create('/word/~WRD0000.tmp', 'second version'));
  await move('/word/Letter.docx', '/word/~WRL0001.tmp', first);
  await move('/word/~WRD0000.tmp', '/word/Letter.docx');
  const second = await lock(drive, '/word/Letter.docx', 'DESKTOP\\anna');
  await drive.gets(204, 'DELETE', '/word/~WRL0001.tmp');
  await unlock(drive, '/word/Letter.docx', first, 409); // it went with the old name
  // Closed.
  await unlock(drive, '/word/Letter.docx', second);
  await drive.gets(204, 'DELETE', '/word/~$Letter.docx');
  const found = await drive.finds('/word', '1');
  assert.deepEqual(
    found.map(({ href }) => href),
    ['/word/', '/word/Letter.docx'],
  );
  await drive.reads('second version', '/word/Letter.docx');
});

test('Excel saves by a name of eight digits, and removes the old file first', async () => {
  await drive.gets(201, 'MKCOL', '/excel');
  await unlock(drive, '/excel/Sums.xlsx', await create('/excel/Sums.xlsx', '1'));
  const held = await lock(drive, '/excel/Sums.xlsx', 'DESKTOP\\anna');
  await unlock(drive, '/excel/3F1C2A00', await create('/excel/3F1C2A00', '2'));
  await drive.gets(204, 'DELETE', '/excel/Sums.xlsx', held);
  await move('/excel/3F1C2A00', '/excel/Sums.xlsx');
  await unlock(drive, '/excel/Sums.xlsx', await lock(drive, '/excel/Sums.xlsx', 'DESKTOP\\anna'));
  await drive.reads('2', '/excel/Sums.xlsx');
});

test('opens and saves a document by its address', async () => {
  await word.gets(201, 'MKCOL', '/direct');
  await word.gets(201, 'PUT', '/direct/Plan%20A.docx', {}, 'one');
  // With each opening also above the document, up to the root: no redirect, no other thing than 200.
  const protocol = { 'User-Agent': 'Microsoft Office Protocol Discovery' };
  for (const folder of ['/direct/', '/']) {
    const { headers } = await word.gets(200, 'OPTIONS', folder, protocol);
    assert.equal(headers['ms-author-via'], 'DAV'); // or it would not lock
    assert.match(String(headers['allow']), /\bLOCK\b/);
  }
  const existence = { 'User-Agent': 'Microsoft Office Existence Discovery' };
  const { headers } = await word.gets(200, 'HEAD', '/direct/Plan%20A.docx', existence);
  assert.ok(headers['last-modified']);
  assert.equal(headers['content-length'], '3');
  // It asks for FrontPage, too.
  await word.gets(404, 'GET', '/_vti_inf.html');
  await word.gets(405, 'POST', '/_vti_bin/shtml.dll/_vti_rpc', {}, 'method=server+version');

  const held = await lock(word, '/direct/Plan%20A.docx', 'Anna');
  const { headers: before } = await word.reads('one', '/direct/Plan%20A.docx');
  await word.gets(200, 'LOCK', '/direct/Plan%20A.docx', { ...held, Timeout: 'Second-3600' });
  const { headers: after } = await word.gets(204, 'PUT', '/direct/Plan%20A.docx', held, 'two');
  assert.notEqual(after['etag'], before['etag']);
  const { headers: now } = await word.reads('two', '/direct/Plan%20A.docx');
  assert.equal(now['etag'], after['etag']);
  await unlock(word, '/direct/Plan%20A.docx', held);
});

test('saves a document under a name that is new: the lock makes the file', async () => {
  const held = await lock(word, '/New%20one.docx', 'Anna', 201);
  await word.gets(204, 'PUT', '/New%20one.docx', held, 'content');
  await unlock(word, '/New%20one.docx', held);
  await word.reads('content', '/New%20one.docx');
});

test('a second user meets the lock, sees whose it is, and reads', async () => {
  const bob = clientOf(server, { 'User-Agent': 'Microsoft Office Word/16.0.17328' });
  await word.gets(201, 'PUT', '/shared.docx', {}, 'of both');
  const held = await lock(word, '/shared.docx', 'Anna Example');
  const lockInfo =
    '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>Bob</D:href></D:owner></D:lockinfo>';
  const refused = await bob.gets(423, 'LOCK', '/shared.docx', { Timeout: 'Second-3600' }, lockInfo);
  assert.match(refused.body, /no-conflicting-lock/);
  const { has } = await bob.findsOne(
    '/shared.docx',
    '<D:propfind xmlns:D="DAV:"><D:prop><D:lockdiscovery/></D:prop></D:propfind>',
  );
  assert.match(has['lockdiscovery'] ?? '', /<owner><href>Anna Example/);
  await bob.gets(423, 'PUT', '/shared.docx', {}, 'of bob');
  await bob.reads('of both', '/shared.docx');
  await unlock(word, '/shared.docx', held);
  await unlock(bob, '/shared.docx', await lock(bob, '/shared.docx', 'Bob'));
});
