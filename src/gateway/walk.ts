// From a path to what stands there. As with a real node, writing below a missing directory makes it. A real node loses
// files when that happens several times at once; here the directory is made only if there is none yet.
import type { Metadata } from './edge-metadata.ts';
import { type DirectoryCap, type DirectoryNode, type Node, nodeFromCaps } from './nodes.ts';
import type { Services } from './services.ts';
import { emptyComponent, nodeFailure, noSuchChild, WebError } from './web-error.ts';
import { operation, type WebRequest } from './web-request.ts';

/** Where a path ended. */
export interface Place {
  /** Undefined where nothing is there yet and the request is one that puts something there. */
  readonly node: Node | undefined;
  /** The directory and name by which it was reached; undefined for the cap itself. */
  readonly edge: { readonly parent: DirectoryCap; readonly name: string } | undefined;
  readonly metadata: Metadata | undefined;
}

function makesParents(request: WebRequest): boolean {
  const t = operation(request);
  const isWrite = request.method === 'PUT' || request.method === 'POST';
  return isWrite && !['delete', 'rename', 'rename-form', 'check'].includes(t);
}

function putsSomething(request: WebRequest): boolean {
  const t = operation(request);
  return request.method === 'PUT'
    ? ['', 'uri', 'mkdir'].includes(t)
    : request.method === 'POST' && ['mkdir', 'mkdir-with-children', 'mkdir-immutable'].includes(t);
}

/** The directory `name` in `parent`, made where there is none. Undefined where something else has the name. */
async function enterOrMake(
  services: Services,
  parent: DirectoryCap,
  name: string,
): Promise<Node | undefined> {
  const cap = await services.dirnodes.create('SDMF', new Map());
  const node = nodeFromCaps(cap, '', false, name);
  try {
    await services.dirnodes.link(parent, new Map([[name, { node, metadata: undefined }]]), 'no');
    return node;
  } catch (error) {
    if (error instanceof WebError && error.status === 409) {
      return (await services.dirnodes.get(parent, name))?.node;
    }
    throw error;
  }
}

/** The child that a middle segment leads to. */
async function step(
  services: Services,
  request: WebRequest,
  from: DirectoryCap,
  name: string,
): Promise<Node> {
  const found = (await services.dirnodes.get(from, name))?.node;
  if (!makesParents(request)) {
    if (!found) {
      throw noSuchChild(name);
    }
    return found;
  }
  const node = found ?? (await enterOrMake(services, from, name));
  if (node?.kind !== 'directory') {
    throw new WebError(409, 'no details', `Unable to create directory '${name}': a file was in the way`);
  }
  return node;
}

function belowFile(request: WebRequest, name: string): WebError {
  return makesParents(request)
    ? new WebError(
        409,
        'no details',
        `Cannot create directory '${name}', because its parent is a file, not a directory`,
      )
    : new WebError(400, 'no details', `Files have no children named '${name}'`);
}

function asDirectory(node: Node, request: WebRequest, name: string): DirectoryNode {
  switch (node.kind) {
    case 'directory':
      return node;
    case 'file':
      throw belowFile(request, name);
    default:
      throw new WebError(404, 'Sorry. No luck finding that resource.', 'No Such Resource');
  }
}

async function walkFrom(
  services: Services,
  request: WebRequest,
  root: Node,
  path: readonly string[],
): Promise<Place> {
  let place: Place = { node: root, edge: undefined, metadata: undefined };
  let hasEmpty = false;
  for (const [index, name] of path.entries()) {
    const isLast = index === path.length - 1;
    const { cap } = asDirectory(place.node ?? root, request, name);
    if (name === '' && !(path.length - index === 2 && path[index + 1] === '')) {
      hasEmpty = true; // a slash at the end means the directory itself
      continue;
    }
    if (hasEmpty || name === '') {
      throw emptyComponent();
    }
    if (!isLast) {
      const node = await step(services, request, cap, name);
      place = { node, edge: { parent: cap, name }, metadata: undefined };
      continue;
    }
    const child = await services.dirnodes.get(cap, name);
    if (!child && !putsSomething(request)) {
      throw noSuchChild(name);
    }
    place = { node: child?.node, edge: { parent: cap, name }, metadata: child?.metadata };
  }
  return place;
}

/**
 * Walks from the cap `path[0]` down the names behind it. What goes wrong on the way is answered as a page, unlike what
 * goes wrong at its end.
 */
export async function walk(services: Services, request: WebRequest, path: readonly string[]): Promise<Place> {
  const [capText = '', ...names] = path;
  try {
    return await walkFrom(services, request, nodeFromCaps(capText, '', false, '<root>'), names);
  } catch (error) {
    throw error instanceof WebError && error.title === undefined
      ? new WebError(error.status, error.message, 'Error', error.cause)
      : error;
  }
}

/** For operations that have no meaning without a parent. */
export function edgeOf(place: Place): NonNullable<Place['edge']> {
  if (!place.edge) {
    throw nodeFailure('builtins.AssertionError');
  }
  return place.edge;
}
