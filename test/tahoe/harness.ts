// HttpGrid on an embedded gateway behind a proxy that fails chosen calls, or on a server that says what a test wants.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../src/base/log.ts';
import { startGateway } from '../../src/gateway/server.ts';
import { HttpGrid, type HttpGridOptions } from '../../src/tahoe/http-grid.ts';
import { type FaultyProxy, startFaultyProxy } from '../fakes/faulty-proxy.ts';
import { hastyClock } from '../fakes/hasty-clock.ts';

const silent = createLogger('silent', 'json', () => undefined);

export function gridAt(nodeUrl: string, options: Partial<HttpGridOptions> = {}): HttpGrid {
  return new HttpGrid({
    nodeUrl,
    maxConnections: 10,
    netTimeoutMs: 30_000,
    log: silent,
    clock: hastyClock(50),
    ...options,
  });
}

export interface FaultyGateway extends AsyncDisposable {
  readonly proxy: FaultyProxy;
  readonly grid: HttpGrid;
}

export async function startFaultyGateway(options: Partial<HttpGridOptions> = {}): Promise<FaultyGateway> {
  const dataDir = await mkdtemp(join(tmpdir(), 'grid-faults-'));
  const gateway = await startGateway({ dataDir, listen: { host: '127.0.0.1', port: 0 } });
  const proxy = await startFaultyProxy(gateway.url);
  const grid = gridAt(proxy.url, options);
  return {
    proxy,
    grid,
    async [Symbol.asyncDispose]() {
      await grid.close();
      await proxy[Symbol.asyncDispose]();
      await gateway.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export interface ScriptedNode extends AsyncDisposable {
  readonly url: string;
  readonly grid: HttpGrid;
  readonly requests: readonly IncomingMessage[];
}

export function listen(server: Server | import('node:net').Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

/** A node that answers each request by `answer`. */
export async function startScriptedNode(
  answer: (req: IncomingMessage, res: ServerResponse) => void,
  options: Partial<HttpGridOptions> = {},
): Promise<ScriptedNode> {
  const requests: IncomingMessage[] = [];
  const server = createServer((req, res) => {
    requests.push(req);
    answer(req, res);
  });
  const url = `http://127.0.0.1:${await listen(server)}`;
  const grid = gridAt(url, options);
  return {
    url,
    grid,
    requests,
    async [Symbol.asyncDispose]() {
      await grid.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
