// Files, and names where a file is to be: GET, HEAD, PUT, t=json, t=check.
import { lookup } from 'mime-types';
import { hasCode } from '../base/errors.ts';
import { type MutableCap, storageIndexOf } from '../tahoe/caps.ts';
import { type Answer, done, notModified, plain, unsupportedMethod } from './answer.ts';
import { answerRange } from './byte-range.ts';
import { answerCheck } from './check-route.ts';
import { fileJson } from './json-forms.ts';
import { createMutableFile, overwriteMutableFile } from './mutable-files.ts';
import { capTextOf, checkLinkable, type FileNode, isWritable, nodeFromCaps, readCapOf } from './nodes.ts';
import type { Services } from './services.ts';
import { edgeOf, type Place } from './walk.ts';
import { badRequest, existingChild, nodeFailure, readingFrom, WebError } from './web-error.ts';
import {
  argument,
  bodyText,
  formatArgument,
  operation,
  replaceArgument,
  type WebRequest,
} from './web-request.ts';

/** Bytes of a file, opened: what can go wrong before the first byte has gone wrong by now. */
interface Opened {
  readonly sizeBytes: number;
  read(start: number, end: number): AsyncGenerator<Buffer>;
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function openFile(services: Services, { cap }: FileNode): Promise<Opened> {
  switch (cap.kind) {
    case 'lit':
      return { sizeBytes: cap.sizeBytes, read: (start, end) => once(cap.data.subarray(start, end)) };
    case 'chk':
      return {
        sizeBytes: cap.sizeBytes,
        async *read(start, end) {
          await using share = await services.immutables.open(cap);
          yield* share.read({ start, end });
        },
      };
    default: {
      const { content } = await readingFrom('mutable', () => services.mutables.read(cap));
      return { sizeBytes: content.length, read: (start, end) => once(content.subarray(start, end)) };
    }
  }
}

/** As nodes guess it from the name; the encoding is the trap that comes with that: the bytes are as they were stored. */
function contentHeaders(name: string): Record<string, string> {
  const encoding = /\.(gz|bz2)$/i.exec(name)?.[1]?.toLowerCase();
  const bare = encoding === undefined ? name : name.slice(0, name.lastIndexOf('.'));
  const type = { 'content-type': lookup(bare) || 'text/plain' };
  return encoding === undefined
    ? type
    : { ...type, 'content-encoding': encoding === 'gz' ? 'gzip' : 'bzip2' };
}

const NOTHING = Buffer.alloc(0);

/** Waits for the first piece, so that its failure can still become a status. */
async function primed(
  kind: 'immutable' | 'mutable',
  pieces: AsyncGenerator<Buffer>,
): Promise<AsyncGenerator<Buffer>> {
  const first = await readingFrom(kind, () => pieces.next());
  const all = (async function* () {
    try {
      yield NOTHING;
      if (!first.done) {
        yield first.value;
        yield* pieces;
      }
    } finally {
      await pieces.return(undefined); // closes the file where the client went away early
    }
  })();
  await all.next(); // a generator that was never begun ends without its `finally`
  return all;
}

async function answerContent(
  services: Services,
  request: WebRequest,
  node: FileNode,
  place: Place,
): Promise<Answer> {
  const file = await openFile(services, node);
  const range = answerRange(request.headers.range, file.sizeBytes);
  if (range.kind === 'beyond') {
    throw new WebError(416, 'First beyond end of file');
  }
  const [start, end] = range.kind === 'part' ? [range.start, range.end] : [0, file.sizeBytes];
  const etag = request.method === 'GET' ? etagOf(node, '') : undefined;
  const headers = {
    ...contentHeaders(argument(request, 'filename') ?? place.edge?.name ?? 'unknown'),
    'accept-ranges': 'bytes',
    'content-length': String(end - start),
    ...(range.kind === 'part' ? { 'content-range': range.contentRange } : {}),
    ...(etag === undefined ? {} : { etag }),
  };
  const status = range.kind === 'part' ? 206 : 200;
  if (request.method === 'HEAD') {
    return { status, headers, body: '' };
  }
  const kind = node.cap.kind === 'mutable' ? 'mutable' : 'immutable';
  return { status, headers, body: await primed(kind, file.read(start, end)) };
}

function etagOf(node: FileNode, t: string): string | undefined {
  return node.cap.kind === 'chk' ? `${storageIndexOf(node.cap)}-${t}` : undefined;
}

/** Undefined where the file can't be read: a node then leaves the size out. */
async function mutableSize(services: Services, cap: MutableCap): Promise<number | undefined> {
  try {
    return await services.mutables.sizeBytes(cap);
  } catch (error) {
    if (hasCode(error, 'not-found', 'corrupt')) {
      return undefined;
    }
    throw error;
  }
}

async function answerGet(
  services: Services,
  request: WebRequest,
  node: FileNode,
  place: Place,
): Promise<Answer> {
  const t = operation(request);
  const etag = etagOf(node, t);
  const same = etag === undefined ? undefined : notModified(etag, request.headers['if-none-match']);
  if (same && ['', 'json', 'uri', 'readonly-uri'].includes(t)) {
    return same;
  }
  const headers = etag === undefined ? {} : { etag };
  switch (t) {
    case '':
      return answerContent(services, request, node, place);
    case 'json': {
      const { cap } = node;
      const sizeBytes = cap.kind === 'mutable' ? await mutableSize(services, cap) : undefined;
      return plain(`${fileJson(node, sizeBytes, place.metadata)}\n`, headers);
    }
    case 'uri':
      return plain(capTextOf(node), headers);
    case 'readonly-uri':
      return plain(readCapOf(node) ?? '', headers);
    default:
      throw badRequest(`GET file: bad t=${t}`);
  }
}

/** Stores the body as a new file and links it. */
async function putNewFile(services: Services, request: WebRequest, place: Place): Promise<Answer> {
  const { parent, name } = edgeOf(place);
  const format = formatArgument(request) ?? 'CHK';
  const cap =
    format === 'CHK'
      ? await services.immutables.store(request.body)
      : await createMutableFile(services, request.body, format);
  const node = nodeFromCaps(cap, '', false, name);
  await services.dirnodes.link(
    parent,
    new Map([[name, { node, metadata: undefined }]]),
    replaceArgument(request),
  );
  return done(cap, place.node ? 200 : 201);
}

/** Links the cap in the body (`PUT ?t=uri`). */
export async function putCap(services: Services, request: WebRequest, place: Place): Promise<Answer> {
  const { parent, name } = edgeOf(place);
  const text = (await bodyText(request)).replace(/\n$/, ''); // one line end and nothing else, as nodes do
  const node = nodeFromCaps(text, '', false, name);
  checkLinkable(node);
  await services.dirnodes.link(
    parent,
    new Map([[name, { node, metadata: undefined }]]),
    replaceArgument(request),
  );
  return done(capTextOf(node));
}

/** PUT where nothing is yet. */
export async function answerPutVacant(
  services: Services,
  request: WebRequest,
  place: Place,
): Promise<Answer> {
  if (request.headers['content-range'] !== undefined) {
    throw new WebError(501, 'Content-Range in PUT not yet supported');
  }
  return operation(request) === 'uri'
    ? putCap(services, request, place)
    : putNewFile(services, request, place);
}

function offsetArgument(request: WebRequest): number | undefined {
  const given = argument(request, 'offset');
  if (given !== undefined && !/^\s*-?[0-9]{1,15}\s*$/.test(given)) {
    throw nodeFailure('builtins.ValueError', 'invalid literal for int()');
  }
  return given === undefined ? undefined : Number(given);
}

async function answerPut(
  services: Services,
  request: WebRequest,
  node: FileNode,
  place: Place,
): Promise<Answer> {
  const t = operation(request);
  if (t !== '' && t !== 'uri') {
    throw badRequest(`PUT to a file: bad t=${t}`);
  }
  if (replaceArgument(request) === 'no') {
    throw existingChild();
  }
  if (t === 'uri') {
    return putCap(services, request, place);
  }
  const { cap } = node;
  const offset = offsetArgument(request);
  if (cap.kind !== 'mutable') {
    if (offset !== undefined) {
      throw badRequest('PUT to a file: append operation invoked on an immutable cap');
    }
    return putNewFile(services, request, place);
  }
  if (!isWritable(cap)) {
    throw badRequest('PUT to a mutable file: replace or update requested with read-only cap');
  }
  if (offset !== undefined && offset < 0) {
    throw badRequest('PUT to a mutable file: Invalid offset');
  }
  await overwriteMutableFile(services, cap, request.body, offset);
  return done(cap.text);
}

export async function answerFile(
  services: Services,
  request: WebRequest,
  node: FileNode,
  place: Place,
): Promise<Answer> {
  switch (request.method) {
    case 'GET':
      return answerGet(services, request, node, place);
    case 'HEAD': {
      const t = operation(request);
      if (t !== '') {
        throw badRequest(`HEAD file: bad t=${t}`);
      }
      return answerContent(services, request, node, place);
    }
    case 'PUT':
      return answerPut(services, request, node, place);
    case 'POST':
      if (operation(request) === 'check') {
        return answerCheck(services, request, node);
      }
      throw badRequest(`POST to file: bad t=${operation(request)}`);
    case 'DELETE': {
      const { parent, name } = edgeOf(place);
      return done(capTextOf((await services.dirnodes.unlink(parent, name)).node));
    }
    default:
      throw unsupportedMethod(request.method);
  }
}
