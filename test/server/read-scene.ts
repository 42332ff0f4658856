// For tests of reads through the whole program: a gateway process that can be stopped and killed, a proxy in front of it
// that counts and harms, and a client that tells whole answers from broken ones.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { WebApi } from '../contract/web-api-client.ts';
import { type Call, type FaultyProxy, startFaultyProxy } from '../fakes/faulty-proxy.ts';
import { type TemporaryFolder, temporaryFolder } from '../fakes/temporary-folder.ts';
import { type GatewayProcess, startGatewayProcess } from '../gateway/gateway-process.ts';
import { newRootOn } from './grids.ts';
import { type ServerProcess, startServer } from './server-process.ts';

export const MIB: number = 1024 * 1024;
/** A file's content, asked of the node. */
export const READS: RegExp = /^\/uri\/URI%3ACHK/;

/** What a client got: all that was promised, a refusal, or a connection that broke. */
export interface Got {
  readonly status: number;
  readonly isWhole: boolean;
  readonly sha256: string;
  readonly bytes: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes that nobody has seen before, each MiB another one. */
export function freshBytes(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes, randomBytes(MIB - 3));
  for (let at = 0; at + 8 <= sizeBytes; at += 64 * 1024) {
    bytes.writeDoubleLE(at, at);
  }
  return bytes;
}

/** Reads to the end, or to where it breaks. `onBytes` is waited for after each piece. */
export async function getFile(
  url: string,
  options: {
    readonly headers?: Record<string, string>;
    readonly onBytes?: (soFar: number) => Promise<void> | void;
  } = {},
): Promise<Got> {
  const agent = new Agent({ headersTimeout: 60_000, bodyTimeout: 60_000 });
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    const answer = await request(url, { dispatcher: agent, headers: options.headers ?? {} });
    let isWhole = true;
    try {
      for await (const piece of answer.body as AsyncIterable<Buffer>) {
        hash.update(piece);
        bytes += piece.length;
        await options.onBytes?.(bytes);
      }
    } catch {
      isWhole = false;
    }
    return {
      status: answer.statusCode,
      isWhole: isWhole && bytes === Number(answer.headers['content-length'] ?? bytes),
      sha256: hash.digest('hex'),
      bytes,
      headers: answer.headers,
    };
  } finally {
    await agent.destroy();
  }
}

/** A client that has read `bytes` and takes no more until told. */
export interface StalledClient {
  goOn(): Promise<Got>;
  leave(): Promise<void>;
}

export async function stallAfter(url: string, bytes: number): Promise<StalledClient> {
  const agent = new Agent({ headersTimeout: 60_000, bodyTimeout: 0 });
  const answer = await request(url, { dispatcher: agent });
  const body: Readable = answer.body;
  body.on('error', () => undefined);
  const hash = createHash('sha256');
  let got = 0;
  const take = async (): Promise<boolean> => {
    const piece = body.read() as Buffer | null;
    if (piece === null) {
      if (body.readableEnded || body.destroyed) {
        return false;
      }
      await delay(2);
      return true;
    }
    hash.update(piece);
    got += piece.length;
    return true;
  };
  while (got < bytes && (await take())) {
    // the next piece
  }
  return {
    async goOn() {
      while (await take()) {
        // the next piece
      }
      const isWhole = body.errored === null && got === Number(answer.headers['content-length']);
      await agent.destroy();
      return {
        status: answer.statusCode,
        isWhole,
        sha256: hash.digest('hex'),
        bytes: got,
        headers: answer.headers,
      };
    },
    async leave() {
      body.destroy();
      await agent.destroy();
    },
  };
}

export function assertWhole(got: Got, bytes: Buffer): void {
  assert.deepEqual([got.status, got.isWhole, got.bytes], [200, true, bytes.length]);
  assert.equal(got.sha256, sha256Of(bytes));
}

/** Refused before the first byte, in a way that says when to come again; or broken off. */
export function assertRefusedOrBroken(got: Got): void {
  if (got.status === 503) {
    assert.match(String(got.headers['retry-after']), /^\d+$/);
  } else {
    assert.deepEqual([got.status, got.isWhole], [200, false]);
  }
}

export interface ReadScene extends AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly proxy: FaultyProxy;
  readonly server: ServerProcess;
  /** The one that runs now. */
  readonly gateway: GatewayProcess;
  readonly rootCap: string;
  /** Where the cache is. */
  readonly cacheDir: string;
  /** Stores a file through the server; its URL. */
  put(name: string, bytes: Buffer): Promise<string>;
  /** Straight to the gateway. */
  withApi<T>(use: (api: WebApi) => Promise<T>): Promise<T>;
  killGateway(): Promise<void>;
  /** On the same port and data. */
  startGateway(): Promise<void>;
  /** Reads of files that the gateway was asked for, from call `from` on. */
  reads(from?: number): readonly Call[];
  /** All block files, sorted. */
  blockFiles(): Promise<string[]>;
}

/** `dirCacheTime`: how long a listing, and what is known of a mutable file, is believed. */
export async function readScene(
  args: readonly string[] = [],
  {
    cacheDir,
    dirCacheTime = '1s',
    netTimeout = '1s',
  }: { readonly cacheDir?: string; readonly dirCacheTime?: string; readonly netTimeout?: string } = {},
): Promise<ReadScene> {
  const folder = await temporaryFolder();
  let gateway = await startGatewayProcess({ dataDir: folder.file('grid') });
  const port = Number(new URL(gateway.url).port);
  const proxy = await startFaultyProxy(gateway.url);
  const root = await newRootOn(proxy.url, folder.path);
  const cache = cacheDir ?? folder.file('cache');
  const server = await startServer({
    writeMode: 'through', // what was written is not kept: every first read asks the gateway
    args: [
      ...root,
      '--cache-dir',
      cache,
      '--net-timeout',
      netTimeout,
      '--dir-cache-time',
      dirCacheTime,
      ...args,
    ],
  });
  return {
    folder,
    proxy,
    server,
    get gateway() {
      return gateway;
    },
    rootCap: (await readFile(folder.file('rootcap'), 'utf8')).trim(),
    cacheDir: cache,
    async put(name, bytes) {
      const url = server.url + name;
      const { statusCode, body } = await request(url, { method: 'PUT', body: bytes });
      await body.dump();
      if (statusCode !== 201 && statusCode !== 204) {
        throw new Error(`PUT ${name}: ${statusCode}`);
      }
      return url;
    },
    async withApi(use) {
      await using api = new WebApi(gateway.url);
      return await use(api);
    },
    killGateway: () => gateway.kill('SIGKILL'),
    async startGateway() {
      gateway = await startGatewayProcess({ dataDir: folder.file('grid'), port });
    },
    reads: (from = 0) =>
      proxy.calls.slice(from).filter(({ method, url }) => method === 'GET' && READS.test(url)),
    async blockFiles() {
      const found = await readdir(cache, { recursive: true, withFileTypes: true });
      return found
        .filter((entry) => entry.isFile() && /^[a-z2-7]{32}$/.test(entry.name))
        .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
        .sort();
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      await gateway[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
