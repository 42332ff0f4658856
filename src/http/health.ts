// `/-/healthz`: whether the process takes requests and its event loop turns. It asks neither the grid nor the disk:
// a restart would not heal them, and would end what still runs.
import type { IncomingMessage, ServerResponse } from 'node:http';

export function answerHealth(request: IncomingMessage, response: ServerResponse): void {
  response.statusCode = request.method === 'GET' || request.method === 'HEAD' ? 200 : 405;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('Cache-Control', 'no-store');
  if (response.statusCode === 405) {
    response.setHeader('Allow', 'GET, HEAD');
    response.end('only GET and HEAD\n');
  } else {
    response.end('ok\n');
  }
}
