// Opens what is to be listened on, all of it or nothing, and says under which URL each address is reached.
import { lstat, stat, unlink } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { FsError, systemCode } from '../base/errors.ts';
import { type ListenAddress, showListenAddress, type TcpAddress } from '../base/listen-address.ts';
import type { HttpServer } from './http-server.ts';

export interface Listeners {
  readonly servers: readonly HttpServer[];
  /** One per address, with the real port: `http://127.0.0.1:8080`, `unix:/run/dav.sock`. */
  readonly origins: readonly string[];
}

interface Opened {
  readonly servers: readonly HttpServer[];
  readonly origin: string;
}

// How often another free port is tried where one is free for one family of localhost only.
const PORT_TRIES = 20;

/** `create` makes a server that doesn't listen yet; unix sockets get none with TLS. */
export async function openListeners(
  addresses: readonly ListenAddress[],
  scheme: 'http' | 'https',
  create: (kind: ListenAddress['kind']) => HttpServer,
): Promise<Listeners> {
  const opened: Opened[] = [];
  try {
    for (const address of addresses) {
      opened.push(
        address.kind === 'unix'
          ? await openUnix(address.path, create('unix'))
          : await openTcp(address, scheme, () => create('tcp')),
      );
    }
  } catch (error) {
    await Promise.all(opened.flatMap((one) => one.servers.map((server) => server.stop())));
    throw error;
  }
  return { servers: opened.flatMap((one) => one.servers), origins: opened.map((one) => one.origin) };
}

async function openTcp(address: TcpAddress, scheme: string, create: () => HttpServer): Promise<Opened> {
  const { host, port } = address;
  if (host === 'localhost') {
    return openLocalhost(address, scheme, create);
  }
  const server = create();
  try {
    // On `::` Linux and the BSDs accept IPv4 too; where there is no IPv6 at all, every IPv4 address is what is left.
    await listen(server.server, { host: host === '' ? '::' : host, port });
  } catch (error) {
    if (host !== '' || !isFamilyMissing(error)) {
      throw listenError(address, error);
    }
    return openTcp({ ...address, host: '0.0.0.0' }, scheme, create);
  }
  const shown = host === '' ? '::' : host;
  return {
    servers: [server],
    origin: `${scheme}://${showListenAddress({ ...address, host: shown, port: portOf(server) })}`,
  };
}

/** Both families on one port: clients take whichever address `localhost` resolves to first. */
async function openLocalhost(address: TcpAddress, scheme: string, create: () => HttpServer): Promise<Opened> {
  for (let attempt = 1; ; attempt += 1) {
    const v4 = create();
    await listen(v4.server, { host: '127.0.0.1', port: address.port }).catch((error: unknown) => {
      throw listenError(address, error);
    });
    const port = portOf(v4);
    const origin = `${scheme}://localhost:${port}`;
    const v6 = create();
    try {
      await listen(v6.server, { host: '::1', port });
      return { servers: [v4, v6], origin };
    } catch (error) {
      if (isFamilyMissing(error)) {
        return { servers: [v4], origin };
      }
      await v4.stop();
      if (address.port !== 0 || attempt === PORT_TRIES) {
        throw listenError(address, error);
      }
    }
  }
}

async function openUnix(path: string, server: HttpServer): Promise<Opened> {
  const address = { kind: 'unix', path } as const;
  await removeStaleSocket(path);
  // The socket has its mode from its first moment on: bind happens within listen, before it returns.
  const umask = process.umask(0o177);
  let listening: Promise<void>;
  try {
    listening = listen(server.server, { path });
  } finally {
    process.umask(umask);
  }
  await listening.catch((error: unknown) => {
    throw listenError(address, error);
  });
  return { servers: [server], origin: `unix:${path}` };
}

/** Removes a socket that nobody listens on any more (after a kill), and nothing else. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') {
      return undefined;
    }
    throw listenError({ kind: 'unix', path }, error);
  });
  if (!found) {
    // Asked here, because bind reports a missing folder as a missing right.
    await stat(dirname(path)).catch((error: unknown) => {
      throw listenError({ kind: 'unix', path }, error);
    });
    return;
  }
  if (!found.isSocket()) {
    throw new FsError('bad-config', `unix:${path} is there already and is no socket`, { path });
  }
  if (await isAnswered(path)) {
    throw listenError({ kind: 'unix', path }, { code: 'EADDRINUSE' });
  }
  await unlink(path);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => resolve(systemCode(error) !== 'ECONNREFUSED'));
  });
}

function listen(server: Server, options: { host: string; port: number } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function portOf({ server }: HttpServer): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function isFamilyMissing(error: unknown): boolean {
  return ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(systemCode(error) ?? '');
}

function listenError(address: ListenAddress, error: unknown): FsError {
  const shown = showListenAddress(address);
  const options = { op: 'listen', cause: error };
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new FsError('unavailable', `${shown} is taken by another program`, {
        ...options,
        hint: 'choose another with --addr; port 0 means any free one',
      });
    case 'EACCES':
    case 'EPERM':
      return new FsError('denied', `this user may not listen on ${shown}`, options);
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new FsError('bad-config', `${shown} is no address of this machine`, options);
    case 'ENOENT':
    case 'ENOTDIR':
      return new FsError('bad-config', `the folder of ${shown} is not there`, options);
    default:
      return new FsError(
        'unavailable',
        `can't listen on ${shown} (${systemCode(error) ?? 'unknown reason'})`,
        options,
      );
  }
}
