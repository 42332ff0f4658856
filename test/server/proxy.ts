// nginx or Apache in front of a server: a process of the test's own that runs config/nginx.conf or config/apache.conf as they
// are handed out, but for names, ports and certificates.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { makeSelfSigned } from '../../src/seal/self-signed.ts';
import { ask, head } from '../http/raw-client.ts';
import { projectDir } from '../project.ts';

export interface RunningProxy extends AsyncDisposable {
  /** The server's URL as the proxy's clients know it. */
  readonly url: string;
}

/** `own name`: the path goes through, Host too. `path`: /files is taken off, and Host is the server's. */
export type Shape = 'own name' | 'path';

export interface ProxyOptions {
  readonly shape: Shape;
  readonly isTls: boolean;
}

/** What the server needs to be told. */
export const TRUSTED: readonly string[] = ['--trusted-proxy', '127.0.0.1'];

export interface ProxyProgram {
  readonly name: 'nginx' | 'Apache';
  readonly command: string;
  readonly debianPackage: string;
  readonly sample: string;
  /** Arguments to run in the foreground. */
  readonly args: (folder: string, file: string) => readonly string[];
  /** The whole configuration, with all that is written in `folder`. */
  readonly around: (folder: string, port: number, sample: string) => string;
  readonly listen: readonly [from: string, to: (port: number) => string];
  /** Lines of the sample that are left out without TLS. */
  readonly tlsLines: RegExp;
}

export const nginx: ProxyProgram = {
  name: 'nginx',
  command: 'nginx',
  debianPackage: 'nginx-light',
  sample: 'nginx.conf',
  args: (folder, file) => ['-p', folder, '-c', file, '-g', 'daemon off;'],
  around: (folder, _port, sample) => {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (part) => `${part}_temp_path ${join(folder, part)};`,
    );
    return `
      ${process.getuid?.() === 0 ? 'user root;' : ''}
      worker_processes 1;
      pid ${join(folder, 'pid')};
      error_log ${join(folder, 'log')} warn;
      events { worker_connections 256; }
      http {
        access_log off;
        ${temporary.join('\n')}
        ${sample}
      }`;
  },
  listen: ['listen 443', (port) => `listen 127.0.0.1:${port}`],
  tlsLines: /^ *ssl_certificate.*\n| ssl(?=;)/gm,
};

const APACHE_MODULES = ['mpm_event', 'authz_core', 'reqtimeout', 'headers', 'ssl', 'proxy', 'proxy_http'];

export const apache: ProxyProgram = {
  name: 'Apache',
  command: 'apache2',
  debianPackage: 'apache2-bin',
  sample: 'apache.conf',
  args: (folder, file) => ['-D', 'FOREGROUND', '-d', folder, '-f', file],
  around: (folder, port, sample) => `
    ${APACHE_MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
    Listen 127.0.0.1:${port}
    ServerName localhost
    PidFile ${join(folder, 'pid')}
    DefaultRuntimeDir ${folder}
    Mutex file:${folder}
    ErrorLog ${join(folder, 'log')}
    LogLevel warn
    ServerLimit 1
    StartServers 1
    ThreadLimit 128
    ThreadsPerChild 128
    MaxRequestWorkers 128
    # By itself it closes connections after 5 s, 100 requests or when all threads are at work, maybe while the next request
    # is under way: the test's client sends none twice.
    KeepAliveTimeout 60
    MaxKeepAliveRequests 0
    ${sample}`,
  listen: ['*:443', (port) => `127.0.0.1:${port}`],
  tlsLines: /^ *SSL.*\n/gm,
};

/** Starts it on a free port of 127.0.0.1 and waits until it answers. */
export async function startProxy(
  program: ProxyProgram,
  serverUrl: string,
  { shape, isTls }: ProxyOptions,
): Promise<RunningProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'proxy-'));
  const file = join(folder, 'conf');
  const port = await freePort();
  const { host, pathname } = new URL(serverUrl);
  await writeFile(
    file,
    program.around(folder, port, await adapt(program, folder, port, host, { shape, isTls })),
  );
  const path = [process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].join(delimiter);
  const child = spawn(program.command, program.args(folder, file), {
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
  while (!(await answers(port))) {
    if (child.pid === undefined || child.exitCode !== null || systemClock.monotonicMs() > deadlineMs) {
      said += await readFile(join(folder, 'log'), 'utf8').catch(() => '');
      await stop();
      throw new Error(`${program.name} does not answer: ${said}`);
    }
    await systemClock.sleep(20);
  }
  const prefix = shape === 'path' ? '/files' : '';
  return {
    url: `http${isTls ? 's' : ''}://127.0.0.1:${port}${prefix}${pathname}`,
    [Symbol.asyncDispose]: stop,
  };
}

/** The sample with what a user changes in it changed. */
async function adapt(
  { sample, listen, tlsLines }: ProxyProgram,
  folder: string,
  port: number,
  upstream: string,
  { shape, isTls }: ProxyOptions,
): Promise<string> {
  const now = systemClock.now();
  const { cert, key } = await makeSelfSigned({ hosts: ['127.0.0.1'], fromMs: now, days: 1 });
  await writeFile(join(folder, 'cert'), cert);
  await writeFile(join(folder, 'key'), key);
  const name = shape === 'path' ? 'www.example.org' : 'files.example.org';
  let text = await readFile(join(projectDir, 'config', sample), 'utf8');
  const changes: ReadonlyArray<readonly [RegExp | string, string]> = [
    [/\S*\/fullchain\.pem/g, join(folder, 'cert')],
    [/\S*\/privkey\.pem/g, join(folder, 'key')],
    [new RegExp(`(?<=(?:server_name|ServerName) )${name}`, 'g'), '127.0.0.1'],
    [listen[0], listen[1](port)],
    ['127.0.0.1:8080', upstream],
  ];
  for (const [from, to] of changes) {
    const changed = text.replaceAll(from, to);
    assert.notEqual(changed, text, `${from} is not in config/${sample}`);
    text = changed;
  }
  return isTls ? text : text.replaceAll(tlsLines, '');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM'); // its workers go with it
    await ended;
  }
}

/** Whatever it answers, and be it that this port speaks TLS. */
async function answers(port: number): Promise<boolean> {
  return (await ask(port, head('GET / HTTP/1.1'))).status !== 0;
}

/** Somebody else may take it before it is used; then the proxy says so and the test fails. */
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
