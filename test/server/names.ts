// Names that trip servers and clients, and the trip that each of them must survive: written, listed, read, copied,
// moved, deleted, as a file and as a collection, always under the very name that it was given.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { DavClient } from './dav-client.ts';
import type { RunningGrid, ServedGrid } from './grids.ts';
import { type ProxyProgram, type RunningProxy, startProxy, TRUSTED } from './proxy.ts';
import { type ServerProcess, startServer } from './server-process.ts';

const NAMES: ReadonlyMap<string, string> = new Map([
  ['blanks', 'two  words in it.txt'],
  ['a leading and a trailing blank', ' x '],
  ['a percent sign', '100% sure'],
  ['what looks percent-encoded', '%41%2F%00'],
  ['a hash', 'C# in depth #2'],
  ['a question mark', 'why? t=json&x=1'],
  ['an ampersand', 'a&b&amp;c'],
  ['a plus', 'a+b=c'],
  ['quotes', `it's "so" \`called\``],
  ['angle brackets', 'a<b>c'],
  ['a semicolon', 'v;1=2'],
  ['a colon', 'C:12:30'],
  ['a tilde', '~home~'],
  ['brackets', '[1](2){3}'],
  ['other signs', '!$*,@|^='],
  ['emoji', '🙂 👩‍👩‍👧.png'],
  ['NFC', 'Zo\u00EB \u00C5ngstr\u00F6m'],
  ['Japanese', '日本語 がぎぐ'],
  ['right to left', 'שלום \u202Eabc'],
  ['a byte order mark', '\uFEFFbom'],
  ['a leading dot', '.hidden'],
  ['a trailing dot', 'ends with.'],
  ['three dots', '...'],
  ['one dash', '-'],
  ['one blank', ' '],
  ['the shape of a cap', 'URI:CHK:aaaa:bbbb:1:1:1'],
  ['255 bytes', `${'x'.repeat(251)}.txt`],
  ['255 bytes of two each', `${'é'.repeat(127)}x`],
]);

/** Written in the decomposed form, as macOS does; kept in the composed one. */
const DECOMPOSED = 'Zoe\u0308 A\u030Angstro\u0308m \u304B\u3099';

const contentOf = (name: string): string => `content of ${name}`;
const hrefOf = (name: string): string => encodeURIComponent(name);

/** The names in `folder` (`/.../`), as a client reads them. */
async function listed(client: DavClient, folder: string): Promise<string[]> {
  const above = decodeURIComponent(folder);
  return (await client.list(folder)).map((href) => {
    const path = decodeURIComponent(href);
    assert.ok(path.startsWith(above), `${path} is not below ${above}`);
    return path.slice(above.length);
  });
}

/** All of them side by side. `folder` ends in a slash, as everywhere here. */
async function carryAll(client: DavClient, folder: string): Promise<void> {
  const names = [...NAMES.values()];
  await Promise.all(names.map((name) => client.put(folder + hrefOf(name), contentOf(name))));
  assert.deepEqual((await listed(client, folder)).sort(), [...names].sort());
  for (const name of names) {
    assert.equal(await client.get(folder + hrefOf(name)), contentOf(name));
  }
}

/** The name as a file: PUT, PROPFIND, GET, COPY, MOVE away and back, DELETE. */
async function carryFile(client: DavClient, folder: string, name: string): Promise<void> {
  const path = folder + hrefOf(name);
  const content = contentOf(name);
  assert.equal(await client.put(path, content), 201);
  assert.deepEqual(await listed(client, folder), [name]);
  assert.deepEqual(await client.list(path), []);
  assert.equal(await client.get(path), content);
  assert.equal(await client.put(path, `${content}, again`), 204);
  assert.deepEqual(await listed(client, folder), [name]);

  assert.equal(await client.transfer('COPY', path, `${folder}plain`), 201);
  assert.equal(await client.transfer('MOVE', path, `${folder}moved`), 201);
  assert.deepEqual((await listed(client, folder)).sort(), ['moved', 'plain']);
  assert.equal(await client.get(path), undefined);
  assert.equal(await client.transfer('COPY', `${folder}plain`, path), 201);
  assert.equal(await client.transfer('MOVE', `${folder}moved`, path), 204);
  assert.equal(await client.remove(`${folder}plain`), 204);
  assert.deepEqual(await listed(client, folder), [name]);
  assert.equal(await client.get(path), `${content}, again`);

  assert.equal(await client.remove(path), 204);
  assert.equal(await client.get(path), undefined);
  assert.deepEqual(await listed(client, folder), []);
}

/** The name as a collection: MKCOL, a file in it, MOVE, COPY, DELETE. */
async function carryCollection(client: DavClient, folder: string, name: string): Promise<void> {
  const path = `${folder + hrefOf(name)}/`;
  assert.equal(await client.mkcol(path), 201);
  assert.deepEqual(await listed(client, folder), [`${name}/`]);
  const inside = path + hrefOf(name);
  assert.equal(await client.put(inside, contentOf(name)), 201);
  assert.deepEqual(await listed(client, path), [name]);
  assert.equal(await client.transfer('MOVE', path, `${folder}moved/`), 201);
  assert.equal(await client.transfer('COPY', `${folder}moved/`, path), 201);
  assert.equal(await client.remove(`${folder}moved/`), 204);
  assert.deepEqual(await listed(client, folder), [`${name}/`]);
  assert.equal(await client.get(inside), contentOf(name));
  assert.equal(await client.remove(path), 204);
  assert.deepEqual(await listed(client, folder), []);
}

/** Either spelling of an accented name leads to the one file. */
async function carryBothForms(client: DavClient, folder: string): Promise<void> {
  const composed = DECOMPOSED.normalize('NFC');
  const [nfd, nfc] = [folder + hrefOf(DECOMPOSED), folder + hrefOf(composed)];
  assert.notEqual(nfd, nfc);
  assert.equal(await client.put(nfd, 'first'), 201);
  assert.deepEqual(await listed(client, folder), [composed]);
  assert.equal(await client.put(nfc, 'second'), 204);
  assert.deepEqual(await listed(client, folder), [composed]);
  for (const path of [nfd, nfc]) {
    assert.equal(await client.get(path), 'second');
    assert.deepEqual(await client.list(path), []);
  }
  assert.equal(await client.transfer('MOVE', nfd, `${folder}moved`), 201);
  assert.equal(await client.get(nfc), undefined);
  assert.equal(await client.transfer('MOVE', `${folder}moved`, nfd), 201);
  assert.deepEqual(await listed(client, folder), [composed]);
  assert.equal(await client.remove(nfc), 204);
  assert.equal(await client.get(nfd), undefined);
  assert.deepEqual(await listed(client, folder), []);
}

/** The suite; call it inside a `describe`. `inFront` takes off a path, so that it has every URL in its hands. */
export function carryNames(grid: ServedGrid, inFront?: ProxyProgram): void {
  let folder: TemporaryFolder;
  let running: RunningGrid;
  let server: ServerProcess;
  let proxy: RunningProxy | undefined;
  let client: DavClient;
  let root: string;
  let folders = 0;
  before(async () => {
    folder = await temporaryFolder();
    running = await grid.start();
    server = await startServer({ args: [...(await running.newRoot(folder.path)), ...TRUSTED] });
    proxy = inFront && (await startProxy(inFront, server.url, { shape: 'path', isTls: false }));
    const { origin, pathname } = new URL(proxy?.url ?? server.url);
    client = new DavClient(origin);
    root = pathname;
  });
  after(async () => {
    await client[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await running[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
  const newFolder = async (): Promise<string> => {
    folders += 1;
    const path = `${root}folder%20${folders}/`;
    assert.equal(await client.mkcol(path), 201);
    return path;
  };

  for (const [about, name] of NAMES) {
    test(`carries a file with ${about}`, async () => carryFile(client, await newFolder(), name));
    test(`carries a collection with ${about}`, async () => carryCollection(client, await newFolder(), name));
  }
  test('carries all of them side by side', async () => carryAll(client, await newFolder()));
  test('takes both forms of an accented name for one', async () => carryBothForms(client, await newFolder()));
}
