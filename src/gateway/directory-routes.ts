// Directories, and names where a directory is to be: listing, links, unlinks, moves.
import { storageIndexOf } from '../tahoe/caps.ts';
import { type Answer, done, notModified, plain, unsupportedMethod } from './answer.ts';
import { answerCheck } from './check-route.ts';
import type { NewChild } from './dirnodes.ts';
import { asMetadata } from './edge-metadata.ts';
import { putCap } from './file-routes.ts';
import { childJson, directoryJson } from './json-forms.ts';
import {
  capTextOf,
  type DirectoryCap,
  type DirectoryNode,
  isMutable,
  isWritable,
  type Node,
  nodeFromCaps,
  readCapOf,
} from './nodes.ts';
import type { Services } from './services.ts';
import { directoryFormat, readChildren, readNewChildren } from './unlinked-routes.ts';
import { edgeOf, type Place } from './walk.ts';
import { badRequest, existingChild, nodeFailure, noSuchChild, notWriteable, WebError } from './web-error.ts';
import { argument, booleanArgument, operation, replaceArgument, type WebRequest } from './web-request.ts';

async function listing(
  services: Services,
  node: DirectoryNode,
  headers: Record<string, string>,
): Promise<Answer> {
  try {
    const children = await services.dirnodes.render(node.cap, childJson);
    return plain(directoryJson(node, isMutable(node), children), headers);
  } catch (error) {
    if (!(error instanceof WebError)) {
      throw error;
    }
    return {
      status: error.status,
      headers: { 'content-type': 'text/html' },
      body: JSON.stringify({ error: error.message }),
    };
  }
}

async function answerGet(services: Services, request: WebRequest, node: DirectoryNode): Promise<Answer> {
  const t = operation(request);
  const storageIndex = isMutable(node) ? undefined : storageIndexOf(node.cap);
  const etag = storageIndex === undefined ? undefined : `DIR:${storageIndex}-${t}`;
  const same = etag === undefined ? undefined : notModified(etag, request.headers['if-none-match']);
  if (same && ['', 'json', 'uri', 'readonly-uri'].includes(t)) {
    return same;
  }
  const headers: Record<string, string> = etag === undefined ? {} : { etag };
  switch (t) {
    case '':
      return { ...done('<html><body>This gateway shows no pages: ask with t=json.</body></html>'), headers };
    case 'json':
      return listing(services, node, headers);
    case 'uri':
      return plain(capTextOf(node), headers);
    case 'readonly-uri':
      return plain(readCapOf(node) ?? '', headers);
    default:
      throw badRequest(`GET directory: bad t=${t}`);
  }
}

async function answerPut(
  services: Services,
  request: WebRequest,
  node: DirectoryNode,
  place: Place,
): Promise<Answer> {
  switch (operation(request)) {
    case 'mkdir':
      return plain(capTextOf(node));
    case 'uri':
      if (replaceArgument(request) === 'no') {
        throw existingChild();
      }
      return putCap(services, request, place);
    default:
      throw badRequest('PUT to a directory');
  }
}

/** The directory that a mkdir request asks for, linked nowhere yet. */
async function newDirectory(services: Services, request: WebRequest): Promise<string> {
  const t = operation(request);
  if (t === 'mkdir') {
    return services.dirnodes.create(directoryFormat(request), new Map());
  }
  const children = await readNewChildren(request);
  return t === 'mkdir-immutable'
    ? services.dirnodes.createImmutable(children)
    : services.dirnodes.create(directoryFormat(request), children);
}

async function linkNode(
  services: Services,
  parent: DirectoryCap,
  name: string,
  node: Node,
  mayReplace: boolean,
): Promise<void> {
  const entries = new Map([[name, { node, metadata: undefined }]]);
  await services.dirnodes.link(parent, entries, mayReplace ? 'yes' : 'no');
}

/** `t=mkdir...&name=` inside a directory. Only plain mkdir may replace; without a name it is a no-op. */
async function makeChild(services: Services, request: WebRequest, node: DirectoryNode): Promise<Answer> {
  const name = argument(request, 'name') ?? '';
  if (name === '') {
    return done(capTextOf(node));
  }
  const mayReplace = operation(request) === 'mkdir' && booleanArgument(request, 'replace', true);
  if (!isWritable(node.cap)) {
    throw notWriteable();
  }
  if (!mayReplace && (await services.dirnodes.get(node.cap, name))) {
    throw existingChild(); // looked at again when it is linked; this only saves making it
  }
  const cap = await newDirectory(services, request);
  await linkNode(services, node.cap, name, nodeFromCaps(cap, '', false, name), mayReplace);
  return done(cap);
}

async function setChildren(services: Services, request: WebRequest, node: DirectoryNode): Promise<Answer> {
  const replace = replaceArgument(request);
  const entries = new Map<string, NewChild>();
  for (const { name, writeCap, readCap, metadata } of await readChildren(request)) {
    const given = metadata === undefined || metadata === null ? undefined : asMetadata(metadata);
    if (!given && metadata !== undefined && metadata !== null) {
      throw nodeFailure('builtins.AttributeError', 'metadata is not an object');
    }
    entries.set(name, { node: nodeFromCaps(writeCap, readCap, false, name), metadata: given });
  }
  if (!isWritable(node.cap)) {
    throw nodeFailure('builtins.AssertionError', 'the directory is read-only');
  }
  await services.dirnodes.link(node.cap, entries, replace);
  return done('Okay so I did it.');
}

async function linkCap(services: Services, request: WebRequest, node: DirectoryNode): Promise<Answer> {
  const cap = argument(request, 'uri');
  const name = argument(request, 'name');
  if (!cap || !name) {
    throw badRequest(cap ? 'set-uri requires a name' : 'set-uri requires a uri');
  }
  const child = nodeFromCaps(cap, '', false, name);
  const entries = new Map([[name, { node: child, metadata: undefined }]]);
  await services.dirnodes.link(node.cap, entries, replaceArgument(request));
  return done(cap);
}

async function targetDirectory(services: Services, text: string): Promise<DirectoryCap> {
  const [capText = '', ...names] = text.trim().split('/');
  let node = nodeFromCaps(capText, '', false, '<root>');
  for (const name of names) {
    if (node.kind !== 'directory') {
      break;
    }
    const child = await services.dirnodes.get(node.cap, name);
    if (!child) {
      throw noSuchChild(name);
    }
    node = child.node;
  }
  if (node.kind !== 'directory') {
    throw badRequest('to_dir is not a directory');
  }
  return node.cap;
}

/** Link in the target, then unlink in the source: dying in between leaves both names, never none. */
async function moveChild(services: Services, request: WebRequest, node: DirectoryNode): Promise<Answer> {
  const fromName = argument(request, 'from_name')?.trim();
  if (fromName === undefined) {
    throw badRequest('from_name= is required');
  }
  const toName = argument(request, 'to_name')?.trim() ?? fromName;
  if (fromName.includes('/') || toName.includes('/')) {
    throw badRequest(`${fromName.includes('/') ? 'from_name' : 'to_name'}= may not contain a slash`);
  }
  const replace = replaceArgument(request);
  const toDir = argument(request, 'to_dir');
  const target = toDir === undefined ? node.cap : await targetDirectory(services, toDir);
  if (!isWritable(node.cap) || !isWritable(target)) {
    throw notWriteable();
  }
  if (target.text === node.cap.text && fromName.normalize('NFC') === toName.normalize('NFC')) {
    return done('thing moved');
  }
  const child = await services.dirnodes.get(node.cap, fromName);
  if (!child) {
    throw noSuchChild(fromName);
  }
  await services.dirnodes.link(
    target,
    new Map([[toName, { node: child.node, metadata: child.metadata }]]),
    replace,
  );
  await services.dirnodes.unlink(node.cap, fromName);
  return done('thing moved');
}

async function answerPost(services: Services, request: WebRequest, node: DirectoryNode): Promise<Answer> {
  const t = operation(request);
  switch (t) {
    case 'mkdir':
    case 'mkdir-with-children':
    case 'mkdir-immutable':
      return makeChild(services, request, node);
    case 'set_children':
    case 'set-children':
      return setChildren(services, request, node);
    case 'uri':
      return linkCap(services, request, node);
    case 'unlink':
    case 'delete':
      await services.dirnodes.unlink(node.cap, argument(request, 'name') ?? '');
      return done('thing unlinked');
    case 'rename':
      if (argument(request, 'to_dir') !== undefined || argument(request, 'to_name') === undefined) {
        throw badRequest('rename needs to_name= and takes no to_dir=');
      }
      return moveChild(services, request, node);
    case 'relink':
      return moveChild(services, request, node);
    case 'check':
      return answerCheck(services, request, node);
    default:
      throw badRequest(`POST to a directory with bad t=${t}`);
  }
}

/** mkdir where nothing is yet: the directory is made, and then asked the same. */
export async function answerMakeVacant(
  services: Services,
  request: WebRequest,
  place: Place,
): Promise<Answer> {
  const { parent, name } = edgeOf(place);
  if (!isWritable(parent)) {
    throw notWriteable();
  }
  const cap = await newDirectory(services, request);
  const node = nodeFromCaps(cap, '', false, name);
  await linkNode(services, parent, name, node, true);
  return node.kind === 'directory' ? answerDirectory(services, request, node, { ...place, node }) : done(cap);
}

export async function answerDirectory(
  services: Services,
  request: WebRequest,
  node: DirectoryNode,
  place: Place,
): Promise<Answer> {
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return answerGet(services, request, node);
    case 'PUT':
      return answerPut(services, request, node, place);
    case 'POST':
      return answerPost(services, request, node);
    case 'DELETE': {
      const { parent, name } = edgeOf(place);
      return done(capTextOf((await services.dirnodes.unlink(parent, name)).node));
    }
    default:
      throw unsupportedMethod(request.method);
  }
}
