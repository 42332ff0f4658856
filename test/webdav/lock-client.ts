// What tests of locks ask for and look at.
import assert from 'node:assert/strict';
import type { LockTable } from '../../src/webdav/locks.ts';
import { childElements, parseXml, textOf, type XmlElement } from '../../src/webdav/xml-reader.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { MemoryTree } from '../fakes/memory-tree.ts';
import { openLocks } from '../fakes/open-locks.ts';
import { readMultistatus, texts } from './read-multistatus.ts';
import { type Answer, startServer, type TestServer } from './test-server.ts';

export type HeaderValues = Readonly<Record<string, string>>;

export function fill(tree: MemoryTree): MemoryTree {
  tree.addFile(['file'], 'one');
  tree.addFile(['other'], 'two');
  tree.addFile(['dir', 'a'], 'in a');
  tree.addFile(['dir', 'sub', 'b'], 'in b');
  tree.addDirectory(['empty']);
  return tree;
}

export async function withTree(baseUrl = ''): Promise<TestServer> {
  const server = await startServer({ baseUrl });
  fill(server.tree);
  return server;
}

export function lockInfo(scope = 'exclusive', owner = ''): string {
  return `<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:${scope}/></D:lockscope>
    <D:locktype><D:write/></D:locktype>${owner}</D:lockinfo>`;
}

export function lock(
  server: TestServer,
  path: string,
  headers: HeaderValues = {},
  body: string = lockInfo(),
): Promise<Answer> {
  return server.request('LOCK', path, { headers, body });
}

/** The token of a lock that must be granted. */
export async function locked(
  server: TestServer,
  path: string,
  headers: HeaderValues = {},
  scope = 'exclusive',
): Promise<string> {
  const answer = await lock(server, path, headers, lockInfo(scope));
  assert.ok(answer.status === 200 || answer.status === 201, `${answer.status} ${answer.body}`);
  return tokenOf(answer);
}

export function tokenOf({ headers }: Answer): string {
  const [, token] = /^<(urn:uuid:[0-9a-f-]{36})>$/.exec(String(headers['lock-token'])) ?? [];
  assert.ok(token !== undefined, `Lock-Token: ${headers['lock-token']}`);
  return token;
}

/** What an activelock says, by local name. */
export function activeLocksIn(body: string): ReadonlyArray<Record<string, string>> {
  const prop = parseXml(Buffer.from(body));
  assert.equal(prop.local, 'prop');
  return childElements(childElements(prop)[0] as XmlElement).map(detailsOf);
}

export function detailsOf(active: XmlElement): Record<string, string> {
  return Object.fromEntries(childElements(active).map((part) => [part.local, texts(part)]));
}

/** The href of each lock root that a DAV:error names, and the condition. */
export function errorIn(body: string): readonly [condition: string | undefined, ...hrefs: string[]] {
  const error = parseXml(Buffer.from(body));
  assert.equal(error.local, 'error');
  const [condition] = childElements(error);
  return [condition?.local, ...childElements(condition as XmlElement).map(textOf)];
}

export async function discovered(
  server: TestServer,
  path: string,
  depth = '0',
): Promise<Record<string, string[]>> {
  const body = '<propfind xmlns="DAV:"><prop><lockdiscovery/></prop></propfind>';
  const answer = await server.request('PROPFIND', path, { headers: { Depth: depth }, body });
  assert.equal(answer.status, 207);
  return Object.fromEntries(
    readMultistatus(answer.body).map(({ href, properties }) => [
      href,
      childElements(properties[0]?.element as XmlElement).map(
        (active) => detailsOf(active)['locktoken']?.replace('<href>', '') ?? '',
      ),
    ]),
  );
}

export interface WithTable {
  readonly clock: ManualClock;
  readonly store: MapMetaStore;
  readonly table: LockTable;
  readonly tree: MemoryTree;
  readonly server: TestServer;
}

export async function withTable(tree: MemoryTree = new MemoryTree()): Promise<WithTable> {
  const clock = new ManualClock();
  const store = new MapMetaStore();
  const table = await openLocks(store, clock);
  const server = await startServer({ tree: fill(tree), locks: table, clock });
  return { clock, store, table, tree, server };
}

export async function tokens(server: TestServer, path: string): Promise<string[]> {
  return Object.values(await discovered(server, path)).flat();
}

/** Methods that change something, and their answer where nothing forbids it. */
export const changing: ReadonlyArray<
  readonly [method: string, path: string, headers: HeaderValues, status: number]
> = [
  ['PUT', '/dir/a', {}, 204],
  ['PUT', '/dir/new', {}, 201],
  ['MKCOL', '/dir/new', {}, 201],
  ['DELETE', '/dir/a', {}, 204],
  ['DELETE', '/dir/sub/', {}, 204],
  ['DELETE', '/dir/', {}, 204],
  ['MOVE', '/dir/a', { Destination: '/dir/c' }, 201],
  ['MOVE', '/dir/a', { Destination: '/else' }, 201],
  ['MOVE', '/dir/', { Destination: '/else' }, 201],
  ['MOVE', '/file', { Destination: '/dir/a' }, 204],
  ['MOVE', '/file', { Destination: '/dir/new' }, 201],
  ['MOVE', '/empty', { Destination: '/dir/' }, 204],
  ['COPY', '/file', { Destination: '/dir/a' }, 204],
  ['COPY', '/file', { Destination: '/dir/new' }, 201],
  ['COPY', '/dir/', { Destination: '/empty/copy' }, 201],
  ['PROPPATCH', '/dir/a', {}, 207],
  ['PROPPATCH', '/dir/', {}, 207],
];

export const patch = `<propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x">1</x></prop></set></propertyupdate>`;

export function change(
  server: TestServer,
  method: string,
  path: string,
  headers: HeaderValues,
): Promise<Answer> {
  const body = method === 'PROPPATCH' ? patch : method === 'PUT' ? 'new' : undefined;
  return server.request(method, path, { headers, ...(body === undefined ? {} : { body }) });
}
