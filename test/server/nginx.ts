// nginx in front of a server, as its manual shows it: a process of the test's own with a configuration of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';

export interface Proxy extends AsyncDisposable {
  /** The server's URL with the proxy's port. */
  readonly url: string;
}

/** Without a line for its own access log, and with all that it writes in `folder`. */
function configuration(folder: string, port: number, upstream: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (part) => `${part}_temp_path ${join(folder, part)};`,
  );
  return `
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    worker_processes 1;
    pid ${join(folder, 'pid')};
    error_log stderr warn;
    events { worker_connections 256; }
    http {
      access_log off;
      ${temporary.join('\n')}
      client_max_body_size 0;
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass ${upstream};
          proxy_set_header Host $http_host;
        }
      }
    }`;
}

/** Starts it on a free port of 127.0.0.1 and waits until it answers. */
export async function startNginx(serverUrl: string): Promise<Proxy> {
  const folder = await mkdtemp(join(tmpdir(), 'nginx-'));
  const url = new URL(serverUrl);
  const upstream = url.origin;
  url.port = String(await freePort());
  const file = join(folder, 'nginx.conf');
  await writeFile(file, configuration(folder, Number(url.port), upstream));
  const path = [process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].join(delimiter);
  const child = spawn('nginx', ['-p', folder, '-c', file, '-g', 'daemon off;'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: path },
  });
  let said = '';
  child.stderr.on('data', (piece: Buffer) => {
    said += piece.toString();
  });
  child.on('error', (error) => {
    said += String(error);
  });
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  const deadlineMs = systemClock.monotonicMs() + 10_000;
  while (!(await answers(url))) {
    if (child.pid === undefined || child.exitCode !== null || systemClock.monotonicMs() > deadlineMs) {
      await stop();
      throw new Error(`nginx does not answer: ${said}`);
    }
    await systemClock.sleep(20);
  }
  return { url: url.href, [Symbol.asyncDispose]: stop };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM'); // its worker goes with it
    await ended;
  }
}

async function answers({ origin }: URL): Promise<boolean> {
  try {
    const { status, body } = await fetch(`${origin}/-/healthz`);
    await body?.cancel();
    return status === 200;
  } catch {
    return false; // not yet
  }
}

/** Somebody else may take it before it is used; then nginx says so and the test fails. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') {
    throw new Error('no port');
  }
  return address.port;
}
