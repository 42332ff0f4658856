// A tree of which a part is to be known to a server while its grid is away, and what must hold of it then.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { assertRefused, timed } from '../faults/scene.ts';
import { DavClient } from './dav-client.ts';

const FOLDERS = [
  '/warm/',
  '/warm/deep/',
  '/warm/deep/er/',
  '/warm/n%C3%A4me%20with%20blanks/',
  '/warm/empty/',
];
const FILES: Readonly<Record<string, string>> = {
  '/warm/nothing': '',
  '/warm/tiny': 'tiny',
  '/warm/deep/small': text(1_000),
  '/warm/deep/er/block': text(128 * 1024),
  '/warm/deep/er/beyond': text(128 * 1024 + 1),
  '/warm/n%C3%A4me%20with%20blanks/several': text(1_500_001),
};

function text(chars: number): string {
  return randomBytes(chars).toString('base64').slice(0, chars);
}

/** /warm/ and what is in it, to be warmed; /later/ with the file `uncached`, to be left alone. */
export async function plantTree(serverUrl: string): Promise<void> {
  await using client = new DavClient(serverUrl);
  for (const folder of [...FOLDERS, '/later/']) {
    assert.equal(await client.mkcol(folder), 201);
  }
  for (const [path, content] of Object.entries({ ...FILES, '/later/uncached': text(300_000) })) {
    assert.equal(await client.put(path, content), 201);
  }
}

/** Reads all of /warm/ once. */
export async function warmedByReading(serverUrl: string): Promise<void> {
  await using client = new DavClient(serverUrl);
  await readAll(client);
}

/** /warm/ lists and reads in full. Gives the slowest answer, for people. */
export async function assertServed(serverUrl: string): Promise<string> {
  await using client = new DavClient(serverUrl);
  const times = await readAll(client);
  const [path, ms] = times.sort(([, a], [, b]) => b - a)[0] ?? ['', 0];
  return `${path} after ${ms} ms`;
}

async function readAll(client: DavClient): Promise<Array<[string, number]>> {
  const times: Array<[string, number]> = [];
  const found = new Set<string>();
  for (const folder of ['/', ...FOLDERS]) {
    const { result, ms } = await timed(() => client.list(folder));
    times.push([folder, ms]);
    for (const path of result) {
      found.add(path);
    }
  }
  for (const path of [...FOLDERS, ...Object.keys(FILES), '/later/']) {
    assert.ok(found.has(path), `${path} is not listed`);
  }
  for (const [path, content] of Object.entries(FILES)) {
    const { result, ms } = await timed(() => client.get(path));
    assert.ok(result === content, `${path} has other bytes`);
    times.push([path, ms]);
  }
  return times;
}

/** What needs the grid is refused. Gives the slowest refusal, for people. */
export async function assertUnknownRefused(serverUrl: string): Promise<string> {
  await using client = new DavClient(serverUrl);
  let slowest = { what: '', ms: -1 };
  for (const [method, path, options] of [
    ['PROPFIND', '/later/', { headers: { Depth: '1' } }],
    ['GET', '/later/uncached', {}],
    ['PUT', '/warm/new', { body: 'x' }],
    ['MKCOL', '/warm/new', {}],
    ['DELETE', '/warm/tiny', {}],
    ['MOVE', '/warm/tiny', { headers: { Destination: '/warm/moved' } }],
  ] as const) {
    const { result, ms } = await timed(() => client.send(method, path, options));
    assertRefused(result);
    slowest = ms > slowest.ms ? { what: `${method} ${path}`, ms } : slowest;
  }
  return `${slowest.what} after ${slowest.ms} ms`;
}
