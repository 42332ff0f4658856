// /uri itself: makes things that are linked nowhere.
import { type Answer, done, unsupportedMethod } from './answer.ts';
import type { NewChild } from './dirnodes.ts';
import { asMetadata } from './edge-metadata.ts';
import { createMutableFile } from './mutable-files.ts';
import { nodeFromCaps } from './nodes.ts';
import type { Services } from './services.ts';
import { badRequest, nodeFailure } from './web-error.ts';
import { argument, bodyText, formatArgument, operation, type WebRequest } from './web-request.ts';

/** The entries of a children object as t=json writes them. Throws 500, as nodes do, for what isn't one. */
export async function readChildren(request: WebRequest): Promise<
  Array<{
    readonly name: string;
    readonly writeCap: string;
    readonly readCap: string;
    readonly metadata: unknown;
  }>
> {
  const text = await bodyText(request);
  let parsed: unknown;
  try {
    parsed = text === '' ? {} : JSON.parse(text);
  } catch (error) {
    throw nodeFailure('json.decoder.JSONDecodeError', 'the body is not JSON', error);
  }
  return Object.entries(asMetadata(parsed) ?? badShape()).map(([name, value]) => {
    const properties =
      asMetadata(Array.isArray(value) && value.length === 2 ? value[1] : undefined) ?? badShape();
    return {
      name,
      writeCap: textOrNothing(properties['rw_uri']),
      readCap: textOrNothing(properties['ro_uri']),
      metadata: properties['metadata'],
    };
  });
}

function badShape(): never {
  throw nodeFailure('builtins.ValueError', 'the children are not {name: [type, {...}]}');
}

function textOrNothing(value: unknown): string {
  if (value === undefined || value === null) {
    return '';
  }
  return typeof value === 'string' ? value : badShape();
}

/** Children for a new directory: their metadata is kept as it is, `tahoe` included. */
export async function readNewChildren(request: WebRequest): Promise<Map<string, NewChild>> {
  const children = new Map<string, NewChild>();
  for (const { name, writeCap, readCap, metadata } of await readChildren(request)) {
    const given = metadata === undefined ? {} : asMetadata(metadata);
    if (!given) {
      throw nodeFailure('builtins.AssertionError', 'directory creation requires metadata to be a dict');
    }
    children.set(name, { node: nodeFromCaps(writeCap, readCap, false, name), metadata: given });
  }
  return children;
}

/** The format of a new directory. */
export function directoryFormat(request: WebRequest): 'SDMF' | 'MDMF' {
  const format = formatArgument(request);
  return format === 'MDMF' ? 'MDMF' : 'SDMF';
}

async function makeDirectory(services: Services, request: WebRequest): Promise<Answer> {
  if (formatArgument(request) === 'CHK') {
    throw badRequest(`format=CHK not accepted for ${request.method} /uri?t=mkdir`);
  }
  if (request.method === 'POST' && request.body.sizeBytes > 0 && request.form.size === 0) {
    throw badRequest('t=mkdir does not accept children=, try t=mkdir-with-children instead');
  }
  return done(await services.dirnodes.create(directoryFormat(request), new Map()));
}

async function makeFile(services: Services, request: WebRequest): Promise<Answer> {
  const format = formatArgument(request) ?? 'CHK';
  return done(
    format === 'CHK'
      ? await services.immutables.store(request.body)
      : await createMutableFile(services, request.body, format),
  );
}

export async function answerUnlinked(services: Services, request: WebRequest): Promise<Answer> {
  const t = operation(request);
  switch (`${request.method} ${t}`) {
    case 'PUT ':
      return makeFile(services, request);
    case 'PUT mkdir':
    case 'POST mkdir':
      return makeDirectory(services, request);
    case 'POST mkdir-with-children':
      return done(await services.dirnodes.create(directoryFormat(request), await readNewChildren(request)));
    case 'POST mkdir-immutable':
      return done(await services.dirnodes.createImmutable(await readNewChildren(request)));
    default:
  }
  if (request.method === 'GET' || request.method === 'HEAD') {
    return redirectToCap(request);
  }
  if (request.method === 'PUT' || request.method === 'POST') {
    throw badRequest('/uri accepts only PUT, PUT?t=mkdir, POST?t=upload, and POST?t=mkdir');
  }
  throw unsupportedMethod(request.method);
}

function redirectToCap(request: WebRequest): Answer {
  const cap = argument(request, 'uri');
  if (cap === undefined) {
    throw badRequest('GET /uri requires uri=');
  }
  const node = nodeFromCaps(cap, '', false, '<root>');
  if (node.kind === 'unknown') {
    throw badRequest('Invalid capability');
  }
  const t = operation(request);
  const location = `/uri/${encodeURIComponent(cap)}${t === '' ? '' : `?t=${encodeURIComponent(t)}`}`;
  return { status: 302, headers: { location, 'content-type': 'text/html' }, body: '' };
}
