// Names beyond those of test/server/names.ts: what Windows can't show, what differs in case or in its form of Unicode alone,
// and how long a name may be.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clientOf, serverForFile } from './play.ts';

const server = await serverForFile();
const client = clientOf(server, {});
const encoded = encodeURIComponent;

/** Names in a folder, which is made for them if need be, by all that a listing says: hrefs and display names. */
async function namesIn(folder: string): Promise<string[]> {
  const [, ...children] = await client.finds(folder, '1');
  return children
    .map(({ href, has }) => {
      const name = decodeURIComponent(href.slice(folder.length)).replace(/\/$/, '');
      assert.equal(has['displayname'], name);
      return name;
    })
    .sort();
}

async function newFolder(path: string): Promise<string> {
  await client.gets(201, 'MKCOL', path);
  return path;
}

test('that Windows can not show are listed and can be reached, moved and removed', async () => {
  const folder = await newFolder('/windows/');
  const names = ['CON', 'aux.txt', 'COM1', 'a:b', 'a?b', 'a*b', '"a"', '<a|b>', 'ends.', 'ends ', ' starts'];
  for (const name of names) {
    await client.gets(201, 'PUT', folder + encoded(name), {}, name);
  }
  assert.deepEqual(await namesIn(folder), [...names].sort());
  for (const name of names) {
    await client.reads(name, folder + encoded(name));
    await client.gets(201, 'MOVE', folder + encoded(name), { Destination: `${folder}plain` });
    await client.gets(204, 'DELETE', `${folder}plain`);
  }
});

test('differ by case, trailing dots and blanks', async () => {
  const folder = await newFolder('/differ/');
  const names = [
    'Name',
    'name',
    'NAME',
    'name.',
    'name ',
    'name..',
    'na\u00EFve',
    'NA\u00CFVE',
    'fi',
    '\uFB01',
  ];
  for (const name of names) {
    await client.gets(201, 'PUT', folder + encoded(name), {}, name);
  }
  assert.deepEqual(await namesIn(folder), [...names].sort());
  for (const name of names) {
    await client.reads(name, folder + encoded(name));
  }
  await client.gets(204, 'MOVE', `${folder}NAME`, { Destination: `${folder}name` });
  await client.reads('NAME', `${folder}name`);
});

describe('in another form of Unicode', () => {
  // An accent, two accents in either order, Hangul, a sign that NFC writes otherwise, a letter under a mark.
  const forms = [
    ['Zo\u00EB', 'Zoe\u0308'],
    ['\u1E69', 's\u0323\u0307', 's\u0307\u0323'],
    ['\uD55C\uAE00', '\u1112\u1161\u11AB\u1100\u1173\u11AF'],
    ['\u00C5', '\u212B', 'A\u030A'],
    ['\u304C', '\u304B\u3099'],
  ];

  for (const same of forms) {
    const [kept = ''] = same;
    test(`are one: ${kept}`, async () => {
      const folder = await newFolder(`/form-${kept.codePointAt(0)}/`);
      for (const [index, name] of same.entries()) {
        await client.gets(index === 0 ? 201 : 204, 'PUT', folder + encoded(name), {}, name);
        for (const other of same) {
          await client.reads(name, folder + encoded(other));
          assert.equal((await client.findsOne(folder + encoded(other))).href, folder + encoded(other));
        }
      }
      assert.deepEqual(await namesIn(folder), [kept]);
      for (const name of same) {
        await client.gets(405, 'MKCOL', folder + encoded(name));
        await client.gets(412, 'PUT', folder + encoded(name), { 'If-None-Match': '*' }, 'x');
      }
    });

    test(`lead through a folder: ${kept}`, async () => {
      await client.gets(201, 'MKCOL', `/${encoded(kept)}`);
      for (const [index, name] of same.entries()) {
        await client.gets(index === 0 ? 201 : 204, 'PUT', `/${encoded(name)}/${encoded(name)}`, {}, name);
        await client.gets(403, 'MOVE', `/${encoded(kept)}`, { Destination: `/${encoded(name)}` });
        assert.deepEqual(await namesIn(`/${encoded(name)}/`), [kept]);
      }
    });

    test(`meet one lock: ${kept}`, async () => {
      const folder = await newFolder(`/lock-${kept.codePointAt(0)}/`);
      const body =
        '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>';
      await client.gets(201, 'LOCK', folder + encoded(same.at(-1) ?? ''), {}, body);
      for (const name of same) {
        await client.gets(423, 'PUT', folder + encoded(name), {}, 'x');
      }
    });
  }
});

describe('of any length', () => {
  const names = ['x'.repeat(255), 'x'.repeat(256), '\u65E5'.repeat(255), 'x'.repeat(4_000)];

  test('are kept, in characters of one byte and of three', async () => {
    const folder = await newFolder('/long/');
    const folders = names.map((name) => `d${name}`);
    for (const name of names) {
      await client.gets(201, 'PUT', folder + encoded(name), {}, name);
      await client.gets(201, 'MKCOL', `${folder}${encoded(`d${name}`)}/`);
    }
    assert.deepEqual(await namesIn(folder), [...names, ...folders].sort());
    await server.flush();
    for (const name of names) {
      await client.reads(name, folder + encoded(name));
    }
    await client.gets(204, 'DELETE', folder);
  });

  for (const [status, sizeBytes] of [
    [414, 10_000],
    [431, 100_000],
  ] as const) {
    test(`are refused with ${status} where the URL has more than ${sizeBytes} bytes`, async () => {
      const name = `/${'x'.repeat(sizeBytes)}`;
      for (const method of ['PUT', 'MKCOL', 'GET', 'PROPFIND', 'LOCK']) {
        await client.gets(status, method, name);
      }
      await client.gets(207, 'PROPFIND', '/', { Depth: '1' });
    });
  }

  test('are refused as a destination that nobody could ask for', async () => {
    await client.gets(201, 'PUT', '/short', {}, 'x');
    await client.gets(414, 'MOVE', '/short', { Destination: `/${'x'.repeat(10_000)}` });
    await client.reads('x', '/short');
  });
});
