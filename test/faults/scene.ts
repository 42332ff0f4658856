// What the tests of faults share: a root on a node, the tree as the node itself has it, and the times things take.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { uri, WebApi } from '../contract/web-api-client.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import type { Answer, DavClient } from '../server/dav-client.ts';

export interface Root extends AsyncDisposable {
  readonly cap: string;
  readonly folder: TemporaryFolder;
  /** Options for `serve` in front of the node at `nodeUrl`. */
  args(nodeUrl: string): string[];
}

/** A new, empty root on the node at `nodeUrl`. */
export async function makeRoot(nodeUrl: string): Promise<Root> {
  const folder = await temporaryFolder();
  await using api = new WebApi(nodeUrl);
  const cap = await api.makeDirectory();
  const file = folder.file('rootcap');
  await writeFile(file, cap, { mode: 0o600 });
  return {
    cap,
    folder,
    args: (url) => ['--node-url', url, '--rootcap-file', file],
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Path -> content, straight from the node and by caps alone; a directory's path ends in a slash. */
export async function treeOf(nodeUrl: string, dirCap: string): Promise<Map<string, string>> {
  await using api = new WebApi(nodeUrl);
  const found = new Map<string, string>();
  const walk = async (cap: string, path: string): Promise<void> => {
    for (const [name, { type, properties }] of await api.list(cap)) {
      const childCap = String(properties['rw_uri'] ?? properties['ro_uri']);
      if (type === 'dirnode') {
        found.set(`${path}${name}/`, '');
        await walk(childCap, `${path}${name}/`);
      } else {
        found.set(path + name, (await api.want(200, 'GET', uri(childCap))).text);
      }
    }
  };
  await walk(dirCap, '/');
  return found;
}

/** Asks until `isRight` holds, at most `withinMs`; how long it took. The last fault otherwise. */
export async function eventually(check: () => Promise<void>, withinMs: number): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    try {
      await check();
      return Math.round(performance.now() - startedMs);
    } catch (error) {
      if (performance.now() - startedMs > withinMs) {
        throw error;
      }
      await delay(250);
    }
  }
}

export interface Timed<T> {
  readonly result: T;
  readonly ms: number;
}

export async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const startedMs = performance.now();
  const result = await work();
  return { result, ms: Math.round(performance.now() - startedMs) };
}

/** What a client gets while the grid is away: 503 that says when to come again. */
export function assertRefused({ status, headers, body }: Answer): void {
  assert.equal(status, 503, body);
  assert.match(String(headers['retry-after']), /^\d+$/);
}

/** The five kinds of changes, to be made one after the other. /file, /dir/ and /dir/inner must be there. */
export const changes: ReadonlyArray<readonly [string, (client: DavClient) => Promise<Answer>]> = [
  ['PUT', (client) => client.send('PUT', '/new', { body: 'x'.repeat(1_000) })],
  ['MKCOL', (client) => client.send('MKCOL', '/newdir')],
  ['COPY', (client) => client.send('COPY', '/file', { headers: { Destination: '/dir/copied' } })],
  ['MOVE', (client) => client.send('MOVE', '/file', { headers: { Destination: '/dir/moved' } })],
  ['DELETE', (client) => client.send('DELETE', '/dir/inner')],
];
