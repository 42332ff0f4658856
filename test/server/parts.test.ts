// Parts of files and checksums with the whole program: durable when answered, the same on every gateway.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { describe, test } from 'node:test';
import { BackHome } from './back-home.ts';
import { DavClient } from './dav-client.ts';
import { startServer } from './server-process.ts';

const TYPE = 'application/x-sabredav-partialupdate';
const OLD = Buffer.from(Array.from({ length: 700_000 }, (_, index) => (index * 31) % 251));
const CHECKSUMS =
  '<propfind xmlns="DAV:"><prop><x:checksums xmlns:x="http://owncloud.org/ns"/></prop></propfind>';

async function patch(client: DavClient, path: string, range: string, body: Buffer): Promise<number> {
  const headers = { 'content-type': TYPE, 'x-update-range': range };
  return (await client.send('PATCH', path, { headers, body })).status;
}

const digestOf = (bytes: Buffer): string =>
  `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;

async function digest(client: DavClient, path: string): Promise<unknown> {
  return (await client.send('GET', path)).headers['repr-digest'];
}

describe('parts of files', { concurrency: 2 }, () => {
  test('outlive a kill at once, reach the grid, and look the same by another gateway', async () => {
    await using home = await BackHome.start(['--write-back', '0']);
    assert.equal(await home.client.put('/file', OLD), 201);
    await home.flushed();
    const expected = Buffer.from(OLD);
    const part = Buffer.alloc(300_000, 'x');
    part.copy(expected, 123_456);
    await home.proxy.refuse(); // all that is needed of the old file is here already
    assert.equal(await patch(home.client, '/file', 'bytes=123456-', part), 204);
    const { etag } = (await home.client.send('HEAD', '/file')).headers;
    await home.server.kill('SIGKILL');
    await home.startServer();
    assert.equal(await digest(home.client, '/file'), digestOf(expected));
    await home.proxy.accept();
    await home.flushed();
    await using other = await startServer({ args: home.root.args(home.gateway.url), writeMode: 'through' });
    await using client = new DavClient(other.url);
    assert.equal(await digest(client, '/file'), digestOf(expected));
    assert.equal((await client.send('HEAD', '/file')).headers['etag'], etag);
    assert.equal(await patch(client, '/file', 'append', Buffer.from('end')), 204);
    const { body } = await client.send('GET', '/file', { headers: { range: 'bytes=-4' } });
    assert.equal(body, `${expected.toString('latin1').at(-1)}end`);
  });

  test('answer 503 where the rest of the file can not be had, and change nothing', async () => {
    await using home = await BackHome.start(['--write-back', '0']);
    assert.equal(await home.client.put('/file', OLD), 201);
    await home.flushed();
    assert.equal(await home.server.kill('SIGTERM'), 0);
    await home.startServer(['--cache-dir', `${home.home}/other-cache`]);
    assert.deepEqual(await home.client.list('/'), ['/file']);
    await home.proxy.refuse();
    assert.equal(await patch(home.client, '/file', 'append', Buffer.from('end')), 503);
    await home.proxy.accept();
    assert.equal(await digest(home.client, '/file'), digestOf(OLD));
  });

  test('may be larger than any request that brings no content, and are invited only after the checks', async () => {
    await using server = await startServer();
    await using client = new DavClient(server.url);
    assert.equal(await client.put('/file', 'start'), 201);
    const part = Buffer.alloc(5_000_000, 'part');
    const headers = { 'content-type': TYPE, 'x-update-range': 'append' };
    const send = async (path: string): Promise<readonly [status: number | undefined, isInvited: boolean]> => {
      const sent = request(`${server.url}${path}`, {
        method: 'PATCH',
        headers: { ...headers, expect: '100-continue', 'content-length': String(part.length) },
      });
      let isInvited = false;
      sent.on('continue', () => {
        isInvited = true;
        sent.end(part);
      });
      sent.flushHeaders();
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      answer.resume();
      sent.destroy();
      return [answer.statusCode, isInvited];
    };
    assert.deepEqual(await send('file'), [204, true]);
    assert.deepEqual(await send('none'), [404, false]);
    assert.equal((await client.send('HEAD', '/file')).headers['content-length'], String(part.length + 5));
  });

  test('leave an upload in many parts, one after the other and all at once, whole', async () => {
    await using home = await BackHome.start(['--write-back', '0']);
    const pieces = Array.from({ length: 12 }, (_, index) => Buffer.alloc(50_000, 97 + index));
    assert.equal(await home.client.put('/a', ''), 201);
    for (const piece of pieces) {
      assert.equal(await patch(home.client, '/a', 'append', piece), 204);
    }
    assert.equal(await home.client.put('/b', ''), 201);
    const at = (index: number): string => `bytes=${index * 50_000}-${(index + 1) * 50_000 - 1}`;
    const answers = await Promise.all(
      pieces.map((piece, index) => patch(home.client, '/b', at(index), piece)),
    );
    assert.deepEqual(new Set(answers), new Set([204]));
    await home.flushed();
    const whole = Buffer.concat(pieces).toString();
    assert.deepEqual(await home.tree(), { '/a': whole, '/b': whole });
  });
});

describe('checksums', () => {
  test('go along with a file through COPY, MOVE, a change of its times, the grid, and another gateway', async () => {
    await using home = await BackHome.start(['--write-back', '0']);
    const sha1 = createHash('sha1').update(OLD).digest('hex');
    const md5 = createHash('md5').update(OLD).digest('hex');
    const headers = { 'oc-checksum': `SHA1:${sha1}` };
    assert.equal((await home.client.send('PUT', '/file', { headers, body: OLD })).status, 201);
    assert.equal(await home.client.transfer('COPY', '/file', '/copy'), 201);
    assert.equal(await home.client.transfer('MOVE', '/file', '/moved'), 201);
    const touch =
      '<propertyupdate xmlns="DAV:"><set><prop><lastmodified>1000000000</lastmodified></prop></set></propertyupdate>';
    assert.match((await home.client.send('PROPPATCH', '/moved', { body: touch })).body, /200 OK/);
    await home.flushed();
    await using other = await startServer({ args: home.root.args(home.gateway.url) });
    await using client = new DavClient(other.url);
    for (const who of [home.client, client]) {
      for (const path of ['/copy', '/moved']) {
        const { body } = await who.send('PROPFIND', path, { headers: { depth: '0' }, body: CHECKSUMS });
        assert.match(body, new RegExp(`SHA1:${sha1} MD5:${md5} SHA256:`));
      }
    }
    assert.equal(await client.put('/copy', 'other'), 204);
    const { body } = await client.send('PROPFIND', '/copy', { headers: { depth: '0' }, body: CHECKSUMS });
    assert.doesNotMatch(body, /SHA1:|MD5:/);
  });
});
