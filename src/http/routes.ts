// The reserved paths: everything below `/-/`. What stands there is never a child of the tree.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerHealth } from './health.ts';
import { answerStatus, type SyncOf } from './status.ts';

/** The one name in the root that is not the tree's. */
export const RESERVED_NAME = '-';

export type Route = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
export type GuardedRoute<P> = (
  request: IncomingMessage,
  response: ServerResponse,
  principal: P | undefined,
) => Promise<void>;

export interface Routes<P> {
  /** Answered before anybody is asked who they are, also at the bare root of the server. */
  readonly open: ReadonlyMap<string, Route>;
  /** Answered to whoever may come in. */
  readonly guarded: ReadonlyMap<string, GuardedRoute<P>>;
}

export function createRoutes<P>(syncOf: SyncOf<P> | undefined): Routes<P> {
  const guarded = syncOf && new Map([['status', answerStatus(syncOf)]]);
  return { open: new Map([['healthz', answerHealth]]), guarded: guarded ?? new Map() };
}

/** The name of the reserved path, `healthz` of `/-/healthz`; undefined where the path is not reserved. */
export function reservedPath(segments: readonly string[]): string | undefined {
  return segments[0] === RESERVED_NAME ? segments.slice(1).join('/') : undefined;
}
