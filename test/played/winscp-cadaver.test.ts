// Clients on neon that a person drives: WinSCP and cadaver.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, propertyUpdate, serverForFile, tokenOf } from './play.ts';

const server = await serverForFile();
const winscp = clientOf(server, { 'User-Agent': 'WinSCP/6.3.4 neon/0.33.0', TE: 'trailers' });
const cadaver = clientOf(server, { 'User-Agent': 'cadaver/0.24 neon/0.32.5', TE: 'trailers' });

const XML = { 'Content-Type': 'application/xml' };
const ALL = '<?xml version="1.0" encoding="utf-8"?>\n<propfind xmlns="DAV:"><allprop/></propfind>\n';
const LOCK =
  '<?xml version="1.0" encoding="utf-8"?>\n<lockinfo xmlns=\'DAV:\'>\n <lockscope><exclusive/></lockscope>\n<locktype><write/></locktype><owner>anna</owner>\n</lockinfo>\n';
const DISCOVER =
  '<?xml version="1.0" encoding="utf-8"?>\n<propfind xmlns="DAV:"><prop>\n<lockdiscovery xmlns="DAV:"/>\n</prop></propfind>\n';

test('WinSCP uploads with the time of the file, in its own spelling of the date', async () => {
  await winscp.gets(201, 'PUT', '/dated.txt', {}, 'x');
  const date = '<getlastmodified xmlns="DAV:">Tue, 4 Feb 2020 11:00:00 GMT</getlastmodified>';
  await winscp.sets('/dated.txt', propertyUpdate(date), XML);
  const { has } = await winscp.findsOne('/dated.txt', ALL, XML);
  assert.equal(has['getlastmodified'], 'Tue, 04 Feb 2020 11:00:00 GMT');
});

test('WinSCP lists a folder, renames and copies in it, and removes it', async () => {
  await winscp.gets(201, 'MKCOL', '/folder/');
  await winscp.gets(201, 'PUT', '/folder/a', {}, 'a');
  await winscp.gets(201, 'COPY', '/folder/a', {
    Destination: `${winscp.origin}/folder/b`,
    Depth: 'infinity',
    Overwrite: 'F',
  });
  await winscp.gets(204, 'MOVE', '/folder/a', { Destination: `${winscp.origin}/folder/b`, Overwrite: 'T' });
  const found = await winscp.finds('/folder/', '1', ALL, XML);
  assert.deepEqual(
    found.map(({ href, has }) => [href, has['displayname'], has['resourcetype']]),
    [
      ['/folder/', 'folder', '<collection>'],
      ['/folder/b', 'b', ''],
    ],
  );
  await winscp.gets(204, 'DELETE', '/folder/');
});

test('cadaver edits under a lock', async () => {
  await cadaver.gets(201, 'PUT', '/edited', {}, 'old');
  const headers = { ...XML, Depth: '0', Timeout: 'Infinite' };
  const token = tokenOf(await cadaver.gets(200, 'LOCK', '/edited', headers, LOCK));
  await cadaver.reads('old', '/edited');
  await cadaver.gets(204, 'PUT', '/edited', { If: `<${cadaver.origin}/edited> (<${token}>)` }, 'new');
  await cadaver.gets(204, 'UNLOCK', '/edited', { 'Lock-Token': `<${token}>` });
  await cadaver.reads('new', '/edited');
});

test('cadaver discovers a lock, and steals it', async () => {
  await winscp.gets(201, 'PUT', '/stolen', {}, 'x');
  const locked = await winscp.gets(200, 'LOCK', '/stolen', { ...XML, Depth: '0', Timeout: 'Infinite' }, LOCK);
  const { has } = await cadaver.findsOne('/stolen', DISCOVER, XML);
  const token = /<locktoken><href>([^<]+)/.exec(has['lockdiscovery'] ?? '')?.[1];
  assert.equal(token, tokenOf(locked));
  await cadaver.gets(204, 'UNLOCK', '/stolen', { 'Lock-Token': `<${token}>` });
  assert.equal((await cadaver.findsOne('/stolen', DISCOVER, XML)).has['lockdiscovery'], '');
});

test('cadaver sets a property, finds its name and removes it', async () => {
  await cadaver.gets(201, 'PUT', '/with-property', {}, 'x');
  const name = '{http://webdav.org/cadaver/custom-properties/}colour';
  const element = (text: string): string =>
    `<colour xmlns="http://webdav.org/cadaver/custom-properties/">${text}</colour>`;
  await cadaver.sets('/with-property', propertyUpdate(element('red &amp; green')), XML);
  assert.equal((await cadaver.findsOne('/with-property', ALL, XML)).has[name], 'red & green');
  const names = '<?xml version="1.0" encoding="utf-8"?>\n<propfind xmlns="DAV:"><propname/></propfind>\n';
  const { body } = await cadaver.gets(207, 'PROPFIND', '/with-property', { ...XML, Depth: '0' }, names);
  assert.match(body, /colour/);
  const removal = propertyUpdate(element('')).replaceAll('D:set', 'D:remove');
  await cadaver.sets('/with-property', removal, XML);
  assert.equal((await cadaver.findsOne('/with-property', ALL, XML)).has[name], undefined);
});
