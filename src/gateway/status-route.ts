// The root of the web API: which servers there are. Here one, this process, always connected.
import { statfs } from 'node:fs/promises';
import { type Answer, done, unsupportedMethod } from './answer.ts';
import type { Services } from './services.ts';
import { operation, type WebRequest } from './web-request.ts';

export async function answerStatus(services: Services, request: WebRequest): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw unsupportedMethod(request.method);
  }
  if (operation(request) !== 'json') {
    return done('<html><body>The embedded gateway of tahoe-webdav: no grid, one disk.</body></html>');
  }
  const disk = await statfs(services.dataDir);
  const server = {
    nodeid: services.nodeId,
    connection_status: 'connected',
    available_space: disk.bavail * disk.bsize,
    nickname: 'embedded',
    version: 'tahoe-webdav',
    last_received_data: services.clock.now() / 1000,
  };
  return {
    status: 200,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: `${JSON.stringify({ introducers: { statuses: [] }, servers: [server] })}\n`,
  };
}
