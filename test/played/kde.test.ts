// KDE's Dolphin: kio, which looks twice before everything and puts the login into each Destination.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, serverForFile } from './play.ts';

const server = await serverForFile();
const kde = clientOf(server, {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) KIO/5.103 kioclient/5.103.0',
  Pragma: 'no-cache',
  'Cache-Control': 'no-cache',
});

const XML = { 'Content-Type': 'text/xml; charset=utf-8' };
const LOOK =
  '<?xml version="1.0" encoding="utf-8" ?><D:propfind xmlns:D="DAV:"><D:prop><D:creationdate/><D:getcontentlength/><D:displayname/><D:source/><D:getcontentlanguage/><D:getcontenttype/><D:getlastmodified/><D:getetag/><D:supportedlock/><D:lockdiscovery/><D:resourcetype/></D:prop></D:propfind>';

async function looks(path: string): Promise<void> {
  await kde.findsOne(path, LOOK, XML);
  await kde.finds(path, '1', LOOK, XML);
}

async function misses(path: string): Promise<void> {
  for (const depth of ['0', '0']) {
    await kde.gets(404, 'PROPFIND', path, { ...XML, Depth: depth }, LOOK);
  }
}

/** MOVE and COPY as it sends them, with the user and the password of the address bar. */
function transfer(path: string, overwrite: 'T' | 'F'): Record<string, string> {
  const { host } = new URL(kde.origin);
  return {
    Destination: `http://anna:s%40fe@${host}${path}`,
    Overwrite: overwrite,
    Depth: 'infinity',
  };
}

test('uploads, renames and copies a file', async () => {
  await misses('/file');
  await kde.gets(201, 'PUT', '/file', {}, 'content');
  await looks('/file');
  await misses('/renamed');
  await kde.gets(201, 'MOVE', '/file', transfer('/renamed', 'F'));
  await kde.gets(201, 'COPY', '/renamed', transfer('/copied', 'F'));
  await kde.gets(412, 'COPY', '/renamed', transfer('/copied', 'F'));
  await kde.gets(204, 'COPY', '/renamed', transfer('/copied', 'T'));
  await kde.reads('content', '/copied');
});

test('moves a folder without slashes, and deletes it so', async () => {
  await kde.gets(201, 'MKCOL', '/folder');
  await kde.gets(201, 'PUT', '/folder/file', {}, 'x');
  await looks('/folder');
  await kde.gets(201, 'MOVE', '/folder', transfer('/other', 'F'));
  await kde.reads('x', '/other/file');
  await kde.gets(204, 'DELETE', '/other');
  await misses('/other');
});

test('tells properties that it asks for and that are none from those that are', async () => {
  await kde.gets(201, 'PUT', '/page.html', {}, '<p>');
  const { has, lacks } = await kde.findsOne('/page.html', LOOK, XML);
  assert.deepEqual(lacks, ['source', 'getcontentlanguage']);
  assert.match(has['getcontenttype'] ?? '', /^text\/html/);
});
