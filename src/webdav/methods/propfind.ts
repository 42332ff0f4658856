// PROPFIND: one snapshot of a directory (or of all below it) answers the whole request, streamed as it is written down.
import { hasCode } from '../../base/errors.ts';
import type { Resource, Space } from '../../inode/tree.ts';
import type { Exchange } from '../exchange.ts';
import { type Depth, depthOf, ifGuardOf, requireCollection } from '../guards.ts';
import { encodeName } from '../hrefs.ts';
import { LockDiscovery } from '../lock-discovery.ts';
import { asksForSpace, type Entry, multistatus, type Occasion, parsePropfind } from '../multistatus.ts';
import { shownName } from '../names.ts';
import { spaceNames } from '../properties.ts';
import { readBody } from '../request-body.ts';
import { sendPieces } from '../send-pieces.ts';
import { type Snapshot, walk } from '../walk.ts';
import { XML_MAX_BYTES } from '../xml-reader.ts';
import { XML_TYPE } from '../xml-writer.ts';

const SPACE_PATIENCE_MS = 1000;
/** For who has not asked. */
const BARE_PATIENCE_MS = 100;

export async function propfind(exchange: Exchange): Promise<void> {
  const depth = depthOf(exchange);
  const body = await readBody(exchange, XML_MAX_BYTES);
  const asked = parsePropfind(body);
  const found = await read(exchange, depth);
  (await ifGuardOf(exchange))('view' in found ? found.view.self : found);
  const locks = await LockDiscovery.open(exchange);
  const entries = 'view' in found ? entriesOf(exchange, found, locks) : [self(exchange, found, locks)];
  const { syncStateOf, clock, log } = exchange.parts;
  // The npm package webdav asks for the quota by asking for nothing. By RFC 4331, 3, allprop should leave it out, to spare
  // who does not want it: of one collection, and where it is at hand, it costs nothing.
  const isBare = body.length === 0 && depth === 0 && 'kind' in found && found.kind === 'directory';
  const patienceMs = asksForSpace(asked) ? SPACE_PATIENCE_MS : isBare ? BARE_PATIENCE_MS : 0;
  const space = patienceMs > 0 ? await spaceAtHand(exchange, patienceMs) : undefined;
  const wanted = isBare ? { ...asked, named: spaceNames(space) } : asked;
  const occasion: Occasion = {
    nowMs: clock.now(),
    space,
    syncStateOf,
    onFailure: (error) => log.error({ err: error }, 'an entry of a listing could not be described'),
  };
  await sendPieces(exchange, 207, XML_TYPE, multistatus(entries, wanted, occasion));
}

/** Undefined where it can't be told soon: Finder asks with every look at the root, and the listing is here already. */
async function spaceAtHand(exchange: Exchange, patienceMs: number): Promise<Space | undefined> {
  const { files, clock, log } = exchange.parts;
  const answered = new AbortController();
  try {
    const late = clock.sleep(patienceMs, answered.signal).then(() => undefined);
    return await Promise.race([files.space(exchange.readPath()), late]);
  } catch (error) {
    log.debug({ err: error }, 'how much space there is can not be told');
    return undefined;
  } finally {
    answered.abort();
  }
}

/** All that is going to be written down: the resource alone, or the directories as they stand now. */
async function read(exchange: Exchange, depth: Depth): Promise<Resource | Snapshot> {
  const { signal, parts } = exchange;
  const path = exchange.readPath();
  if (depth !== 0) {
    try {
      const view = await parts.files.list(path, signal);
      return depth === 1
        ? { view, entered: new Map() }
        : await walk(parts.files, path, view, parts.propfindMax, signal);
    } catch (error) {
      if (!hasCode(error, 'not-directory')) {
        throw error;
      }
    }
  }
  const resource = await parts.files.stat(path, signal);
  requireCollection(exchange.url, resource);
  return resource;
}

/** The resource asked for, by the name that it was asked for with: clients look for their own spelling. */
function self(exchange: Exchange, resource: Resource, locks: LockDiscovery): Entry {
  return {
    href: exchange.href(resource.kind === 'directory'),
    name: exchange.url.names.at(-1) ?? '',
    resource,
    locks: locks.valueFor(resource),
  };
}

/** Parents before children. A stack of its own, because directories may lie deeper than generators can be nested. */
function* entriesOf(exchange: Exchange, whole: Snapshot, locksAbove: LockDiscovery): Iterable<Entry> {
  const top = self(exchange, whole.view.self, locksAbove);
  yield top;
  const open = [level(whole, top.href, locksAbove)];
  const isInRoot = (): boolean => open.length === 1 && exchange.url.names.length === 0;
  for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
    const next = at.children.next();
    if (next.done) {
      open.pop();
      continue;
    }
    const resource = next.value;
    const name = shownName(resource.name, isInRoot());
    const href = `${at.href}${encodeName(name)}${resource.kind === 'directory' ? '/' : ''}`;
    yield { href, name, resource, locks: at.locks.valueFor(resource) };
    const below = at.snapshot.entered.get(resource.name);
    if (below !== undefined) {
      open.push(level(below, href, at.locks));
    }
  }
}

/** A directory whose entries are being written down. */
interface Level {
  readonly snapshot: Snapshot;
  readonly href: string;
  readonly children: Iterator<Resource>;
  readonly locks: LockDiscovery;
}

function level(snapshot: Snapshot, href: string, locksAbove: LockDiscovery): Level {
  const { view } = snapshot;
  return { snapshot, href, children: view.children()[Symbol.iterator](), locks: locksAbove.below(view.self) };
}
