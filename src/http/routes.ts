// The reserved paths: everything below `/-/`. What stands there is never a child of the tree.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SyncControl } from '../sync/sync-control.ts';
import { answerHealth } from './health.ts';
import { answerStatus } from './status.ts';

/** The one name in the root that is not the tree's. */
export const RESERVED_NAME = '-';

export type Route = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface Routes {
  /** Answered before anybody is asked who they are, also at the bare root of the server. */
  readonly open: ReadonlyMap<string, Route>;
  /** Answered to whoever may come in. */
  readonly guarded: ReadonlyMap<string, Route>;
}

export function createRoutes(sync: SyncControl | undefined): Routes {
  const guarded = sync && new Map([['status', answerStatus(sync)]]);
  return { open: new Map([['healthz', answerHealth]]), guarded: guarded ?? new Map() };
}

/** The name of the reserved path, `healthz` of `/-/healthz`; undefined where the path is not reserved. */
export function reservedPath(segments: readonly string[]): string | undefined {
  return segments[0] === RESERVED_NAME ? segments.slice(1).join('/') : undefined;
}
