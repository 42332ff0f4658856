// `/-/status`: how changes get on to the grid, for a monitor. The figures are SyncStatus; of the changes that wait a
// bounded list is shown, those that need somebody first.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { acceptsGzip, packed } from '../base/gzip.ts';
import { maskSecrets } from '../base/log.ts';
import { showPath } from '../base/path.ts';
import type { SyncControl, SyncItem } from '../sync/sync-control.ts';
import type { GuardedRoute } from './routes.ts';

const MAX_ITEMS = 1_000;

/** What somebody may know of: the one root that is served, or the mounts of an account by their paths. */
export type SyncOf<P> = (principal: P | undefined) => SyncControl | ReadonlyMap<string, SyncControl>;

export function answerStatus<P>(syncOf: SyncOf<P>): GuardedRoute<P> {
  return async (request: IncomingMessage, response: ServerResponse, principal: P | undefined) => {
    response.setHeader('Cache-Control', 'no-store');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.statusCode = 405;
      response.setHeader('Allow', 'GET, HEAD');
      response.setHeader('Content-Type', 'text/plain; charset=utf-8');
      response.end('only GET and HEAD\n');
      return;
    }
    const text = Buffer.from(`${JSON.stringify(await statusFor(syncOf(principal)))}\n`);
    const { 'accept-encoding': accepted } = request.headers;
    const { body, headers } = await packed(text, acceptsGzip([accepted ?? ''].flat().join()));
    response.setHeader('Content-Type', 'application/json');
    for (const [name, value] of Object.entries(headers)) {
      response.setHeader(name, value);
    }
    response.setHeader('Content-Length', body.length);
    response.end(request.method === 'HEAD' ? undefined : body);
  };
}

async function statusFor(sync: SyncControl | ReadonlyMap<string, SyncControl>): Promise<object> {
  if (!(sync instanceof Map)) {
    return await statusOf(sync as SyncControl);
  }
  const mounts: object[] = [];
  for (const [path, one] of sync) {
    mounts.push({ mount: path, ...(await statusOf(one)) });
  }
  return { mounts };
}

/** What is unknown is null; texts of the grid hold no cap. */
async function statusOf(sync: SyncControl): Promise<object> {
  const status = await sync.status();
  const items: object[] = [];
  let hasMoreItems = false;
  for await (const item of sync.items([])) {
    if (items.length === MAX_ITEMS) {
      hasMoreItems = true;
      break;
    }
    items.push(itemForJson(item));
  }
  return {
    ...status,
    gridError: masked(status.gridError),
    maxDirtyBytes: status.maxDirtyBytes ?? null,
    oldestAgeMs: status.oldestAgeMs ?? null,
    writeRefusal: masked(status.writeRefusal),
    items,
    hasMoreItems,
  };
}

function itemForJson(item: SyncItem): object {
  return {
    ...item,
    path: showPath(item.path),
    sizeBytes: item.sizeBytes ?? null,
    sentBytes: item.sentBytes ?? null,
    error: masked(item.error),
    nextTryAtMs: item.nextTryAtMs ?? null,
  };
}

function masked(text: string | undefined): string | null {
  return text === undefined ? null : maskSecrets(text);
}
