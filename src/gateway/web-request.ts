// A request as the routes see it: path segments decoded each by itself (so that `%2F` stays inside a name), the first
// value of each argument, from the query or from a form in the body.
import type { IncomingHttpHeaders } from 'node:http';
import { bytesOf, type ReceivedBody } from './received-body.ts';
import { badRequest, nodeFailure } from './web-error.ts';

/** JSON of 40,000 children is 20 MB. */
const MAX_TEXT_BODY_BYTES = 128 << 20;

export interface Target {
  readonly segments: readonly string[];
  readonly query: ReadonlyMap<string, string>;
}

export interface WebRequest extends Target {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: ReceivedBody;
  readonly form: ReadonlyMap<string, string>;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `%xx` where it is one; anything else stands for itself, as nodes take it. */
function percentDecode(text: string): string {
  const bytes = Buffer.from(
    text.replace(
      /%([0-9a-fA-F]{2})|([^\0-\x7f])/g,
      (_match, hex: string | undefined, raw: string | undefined) =>
        hex === undefined
          ? Buffer.from(raw ?? '').toString('latin1')
          : String.fromCharCode(Number.parseInt(hex, 16)),
    ),
    'latin1',
  );
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw nodeFailure('builtins.UnicodeDecodeError', "'utf-8' codec can't decode a name", error);
  }
}

function parseArguments(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of text.split('&')) {
    if (part === '') {
      continue;
    }
    const equals = part.indexOf('=');
    const [name, value] = equals < 0 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)];
    const key = percentDecode(name.replaceAll('+', ' '));
    if (!found.has(key)) {
      found.set(key, percentDecode(value.replaceAll('+', ' ')));
    }
  }
  return found;
}

/** Splits a raw request target, such as `/uri/URI%3ADIR2...?t=json`. */
export function parseTarget(url: string): Target {
  const question = url.indexOf('?');
  const path = question < 0 ? url : url.slice(0, question);
  return {
    segments: path.split('/').slice(1).map(percentDecode),
    query: parseArguments(question < 0 ? '' : url.slice(question + 1)),
  };
}

/** The fields of a form in the body of a POST; nothing for any other body. */
export async function readForm(
  method: string,
  headers: IncomingHttpHeaders,
  body: ReceivedBody,
): Promise<Map<string, string>> {
  const type = headers['content-type']?.split(';')[0]?.trim();
  if (method !== 'POST' || type !== 'application/x-www-form-urlencoded') {
    return new Map();
  }
  // A body that isn't meant as a form may have this type too: curl sends it with anything.
  const text = (await bytesOf(body, MAX_TEXT_BODY_BYTES)).toString('latin1');
  return /^[\x20-\x7e]*$/.test(text) && !text.startsWith('{') ? parseArguments(text) : new Map();
}

/** The body as text. Throws 413 beyond what a directory may need. */
export async function bodyText(request: WebRequest): Promise<string> {
  return (await bytesOf(request.body, MAX_TEXT_BODY_BYTES)).toString();
}

export function argument(request: WebRequest, name: string): string | undefined {
  return request.query.get(name) ?? request.form.get(name);
}

/** The operation asked for: `t=`. */
export function operation(request: WebRequest): string {
  return (argument(request, 't') ?? '').trim();
}

const TRUE = new Set(['true', 't', '1', 'on']);
const FALSE = new Set(['false', 'f', '0', 'off']);

export function booleanArgument(request: WebRequest, name: string, fallback: boolean): boolean {
  const given = argument(request, name);
  if (given === undefined) {
    return fallback;
  }
  const value = given.toLowerCase();
  if (!TRUE.has(value) && !FALSE.has(value)) {
    throw badRequest(`invalid boolean argument: ${JSON.stringify(given)}`);
  }
  return TRUE.has(value);
}

export function replaceArgument(request: WebRequest): 'yes' | 'no' | 'only-files' {
  const given = argument(request, 'replace');
  if (given?.toLowerCase() === 'only-files') {
    return 'only-files';
  }
  return booleanArgument(request, 'replace', true) ? 'yes' : 'no';
}

/** `format=`, or what `mutable=` means; undefined where neither is there. */
export function formatArgument(request: WebRequest): 'CHK' | 'SDMF' | 'MDMF' | undefined {
  const given = argument(request, 'format');
  if (!given) {
    return booleanArgument(request, 'mutable', false) ? 'SDMF' : undefined;
  }
  const format = given.toUpperCase();
  if (format === 'CHK' || format === 'SDMF' || format === 'MDMF') {
    return format;
  }
  throw badRequest(`Unknown format: ${given}, I know CHK, SDMF, MDMF`);
}
