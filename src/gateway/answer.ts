// Answers of the routes, before they become HTTP.
import { WebError } from './web-error.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream gives exactly the bytes that `content-length` promises, or breaks. */
  readonly body: string | Buffer | AsyncGenerator<Buffer>;
}

/** What a change is answered with; nodes call it HTML, whatever it is. */
export function done(text: string, status = 200): Answer {
  return { status, headers: { 'content-type': 'text/html' }, body: text };
}

export function plain(text: string | Buffer, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status: 200, headers: { 'content-type': 'text/plain', ...headers }, body: text };
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

export function page(status: number, title: string, detail: string): Answer {
  const body = `
<html>
  <head><title>${status} - ${escapeHtml(title)}</title></head>
  <body>
    <h1>${escapeHtml(title)}</h1>
    <p>${escapeHtml(detail)}</p>
  </body>
</html>
`;
  return { status, headers: { 'content-type': 'text/html; charset=utf-8' }, body };
}

/** For a method that a resource does not have: nodes know GET, HEAD and POST as methods, the others not at all. */
export function unsupportedMethod(method: string): WebError {
  return method === 'GET' || method === 'HEAD' || method === 'POST'
    ? new WebError(405, `The method ${method} is not allowed here.`, 'Method Not Allowed')
    : new WebError(501, `I don't know how to treat a ${method} request.`, 'Huh?');
}

export function errorAnswer(error: WebError, accept: string | undefined): Answer {
  if (error.title !== undefined) {
    return page(error.status, error.title, error.message);
  }
  const wantsHtml = /\*\/\*|text\/\*|text\/html/.test(accept ?? '*/*');
  if (error.status === 500 && wantsHtml) {
    return page(500, 'Exception', error.message);
  }
  return {
    status: error.status,
    headers: { 'content-type': 'text/plain;charset=utf-8' },
    body: error.message,
  };
}

/** 304 where the client has it already. Nodes write ETags without quotes, and know them only so. */
export function notModified(etag: string, ifNoneMatch: string | undefined): Answer | undefined {
  const known = ifNoneMatch?.split(/\s+/) ?? [];
  return known.includes(etag) || known.includes('*')
    ? { status: 304, headers: { etag }, body: '' }
    : undefined;
}
