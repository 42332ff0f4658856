// Modification and creation times, set by each of the ways that clients have for it, and what becomes of them: on the way
// to the grid, with MOVE and COPY, in the next process, and in another gateway on the same grid.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { startGatewayProcess } from '../gateway/gateway-process.ts';
import { newRootOn } from '../server/grids.ts';
import { startServer } from '../server/server-process.ts';
import { clientOf, type Headers, PlayedClient, propertyUpdate } from './play.ts';

const MODIFIED = 'Tue, 04 Feb 2020 11:00:00 GMT';
const MODIFIED_SECONDS = 1_580_814_000;
const CREATED = '2020-02-03T10:00:00Z';
const CREATED_DATE = 'Mon, 03 Feb 2020 10:00:00 GMT';
const ASK =
  '<propfind xmlns="DAV:"><prop><getlastmodified/><creationdate/><lastmodified/><resourcetype/></prop></propfind>';

interface Way {
  /** With the PUT. */
  readonly headers?: Headers;
  /** By a PROPPATCH. */
  readonly properties?: string;
  readonly sets: ReadonlyArray<'modified' | 'created'>;
}

const WAYS: Readonly<Record<string, Way>> = {
  'rclone-put': { headers: { 'X-OC-Mtime': String(MODIFIED_SECONDS) }, sets: ['modified'] },
  'rclone-touch': { properties: `<D:lastmodified>${MODIFIED_SECONDS}</D:lastmodified>`, sets: ['modified'] },
  'sets-live': {
    properties: `<D:getlastmodified>${MODIFIED}</D:getlastmodified><D:creationdate>${CREATED}</D:creationdate>`,
    sets: ['modified', 'created'],
  },
  windows: {
    properties: `<Z:Win32CreationTime xmlns:Z="urn:schemas-microsoft-com:">${CREATED_DATE}</Z:Win32CreationTime><Z:Win32LastModifiedTime xmlns:Z="urn:schemas-microsoft-com:">${MODIFIED}</Z:Win32LastModifiedTime>`,
    sets: ['modified', 'created'],
  },
  cyberduck: {
    properties: `<s:lastmodified xmlns:s="SAR:">${MODIFIED}</s:lastmodified>`,
    sets: ['modified'],
  },
  'cyberduck-old': { properties: `<D:lastmodified>${MODIFIED}</D:lastmodified>`, sets: ['modified'] },
  'sets-created': { properties: `<D:creationdate>${CREATED}</D:creationdate>`, sets: ['created'] },
};

async function setAll(client: PlayedClient, folder: string): Promise<void> {
  await client.gets(201, 'MKCOL', folder);
  for (const [name, { headers, properties }] of Object.entries(WAYS)) {
    await client.gets(201, 'PUT', folder + name, headers, `the content of ${name}`.repeat(10));
    if (properties !== undefined) {
      await client.sets(folder + name, propertyUpdate(properties));
    }
  }
}

/** All that are in `folder` have the times that were set. */
async function assertKept(client: PlayedClient, folder: string): Promise<void> {
  const [, ...children] = await client.finds(folder, '1', ASK);
  assert.equal(children.length, Object.keys(WAYS).length);
  for (const { href, has } of children) {
    const way = WAYS[href.slice(folder.length)];
    assert.ok(way, href);
    if (way.sets.includes('modified')) {
      assert.equal(has['getlastmodified'], MODIFIED, href);
      assert.equal(has['lastmodified'], String(MODIFIED_SECONDS), href);
      assert.equal((await client.gets(200, 'HEAD', href)).headers['last-modified'], MODIFIED, href);
    }
    if (way.sets.includes('created')) {
      assert.equal(has['creationdate'], CREATED, href);
    }
  }
}

const home = await temporaryFolder();
const gateway = await startGatewayProcess();
const args = await newRootOn(gateway.url, home.path);
let server = await startServer({ home: home.path, args });
after(async () => {
  await server[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

describe('a time that a client sets', () => {
  const client = clientOf(server, {});
  const seconds = (more: string): string => `<D:lastmodified>${MODIFIED_SECONDS}${more}</D:lastmodified>`;

  for (const fraction of ['', '.0', '.001', '.75', '.999', '.999999999']) {
    test(`has the second of ${MODIFIED_SECONDS}${fraction}, never the next one`, async () => {
      const path = `/put${fraction}`;
      await client.gets(201, 'PUT', path, { 'X-OC-Mtime': `${MODIFIED_SECONDS}${fraction}` }, 'x');
      assert.equal((await client.findsOne(path, ASK)).has['getlastmodified'], MODIFIED);
      await client.gets(201, 'PUT', `${path}2`, {}, 'x');
      const created = `<D:creationdate>2020-02-03T10:00:00${fraction}Z</D:creationdate>`;
      await client.sets(`${path}2`, propertyUpdate(seconds(fraction) + created));
      const { has } = await client.findsOne(`${path}2`, ASK);
      assert.deepEqual([has['getlastmodified'], has['creationdate']], [MODIFIED, CREATED]);
    });
  }

  test('is what conditions go by', async () => {
    await client.gets(201, 'PUT', '/condition', { 'X-OC-Mtime': `${MODIFIED_SECONDS}.75` }, 'x');
    await client.gets(304, 'GET', '/condition', { 'If-Modified-Since': MODIFIED });
    await client.gets(412, 'GET', '/condition', { 'If-Unmodified-Since': 'Tue, 04 Feb 2020 10:59:59 GMT' });
    await client.gets(204, 'PUT', '/condition', { 'If-Unmodified-Since': MODIFIED }, 'y');
  });

  test('goes with the content: a later write has a time of its own', async () => {
    await client.gets(201, 'PUT', '/later', { 'X-OC-Mtime': String(MODIFIED_SECONDS) }, 'x');
    await client.gets(204, 'PUT', '/later', {}, 'y');
    const { has } = await client.findsOne('/later', ASK);
    const ageMs = Date.now() - Date.parse(has['getlastmodified'] ?? '');
    assert.ok(ageMs >= 0 && ageMs < 10_000, `${ageMs} ms`);
  });

  test('stays the creation time when the file is written again', async () => {
    await client.gets(201, 'PUT', '/rewritten', {}, 'x');
    await client.sets('/rewritten', propertyUpdate(`<D:creationdate>${CREATED}</D:creationdate>`));
    await client.gets(204, 'PUT', '/rewritten', {}, 'y');
    assert.equal((await client.findsOne('/rewritten', ASK)).has['creationdate'], CREATED);
  });

  test('can be that of a collection', async () => {
    await client.gets(201, 'MKCOL', '/dir/');
    const created = `<D:creationdate>${CREATED}</D:creationdate>`;
    await client.sets('/dir/', propertyUpdate(seconds('') + created));
    await client.gets(201, 'MOVE', '/dir/', { Destination: '/renamed/' });
    const { has } = await client.findsOne('/renamed/', ASK);
    assert.deepEqual([has['getlastmodified'], has['creationdate']], [MODIFIED, CREATED]);
  });
});

describe('times that clients set', () => {
  const FOLDERS = ['/moved/', '/copied/', '/whole/'];

  test('are shown at once, and when the grid has them', async () => {
    await using client = new PlayedClient(server.url, {});
    await setAll(client, '/set/');
    await assertKept(client, '/set/');
    await server.flush();
    await assertKept(client, '/set/');
  });

  test('go along with MOVE and COPY, of each file and of all', async () => {
    await using client = new PlayedClient(server.url, {});
    await client.gets(201, 'COPY', '/set/', { Destination: '/whole/' });
    await client.gets(201, 'MKCOL', '/copied/');
    await client.gets(201, 'MKCOL', '/moved/');
    for (const name of Object.keys(WAYS)) {
      await client.gets(201, 'COPY', `/set/${name}`, { Destination: `/copied/${name}` });
      await client.gets(201, 'MOVE', `/set/${name}`, { Destination: `/moved/${name}` });
    }
    for (const folder of FOLDERS) {
      await assertKept(client, folder);
    }
  });

  test('are there in another gateway on the same grid', async () => {
    await server.flush();
    await using other = await startServer({ args });
    await using client = new PlayedClient(other.url, {});
    for (const folder of FOLDERS) {
      await assertKept(client, folder);
    }
  });

  test('are there after a crash, though the grid does not have them', async () => {
    {
      await using client = new PlayedClient(server.url, {});
      await setAll(client, '/late/');
      await server.kill('SIGKILL');
    }
    server = await startServer({ home: home.path, args });
    await using client = new PlayedClient(server.url, {});
    for (const folder of [...FOLDERS, '/late/']) {
      await assertKept(client, folder);
    }
  });
});
