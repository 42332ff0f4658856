// A place on loopback that sqlite3's ready binaries are fetched from.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where the binary lies in its package, and in the archives that mirrors have. */
export const BINARY = 'build/Release/node_sqlite3.node';

/** The archive with the binary of the package in `folder`. */
export async function archiveOf(folder: string): Promise<Buffer> {
  const options = { cwd: folder, encoding: 'buffer', maxBuffer: 64 << 20 } as const;
  return (await run('tar', ['-czf', '-', BINARY], options)).stdout;
}

export interface Mirror extends AsyncDisposable {
  readonly url: string;
}

export async function startMirror(answer: RequestListener): Promise<Mirror> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
