// What a server sent on a connection, taken apart by the rules of RFC 9112 and nothing more lenient: an answer that can't
// be read, or bytes that belong to none, are faults of their own.

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case; of several lines of one name, the last. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** False where the connection closed before the body's end. */
  readonly isWhole: boolean;
}

/** `isHead`: the request was a HEAD, whose answers have no bodies. Throws for what is no answer. */
export function readAnswers(text: string, isHead: boolean): readonly RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = text;
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n');
    const status = /^HTTP\/1\.1 ([1-5]\d\d) [ -~]*$/.exec(first)?.[1];
    if (end < 0 || status === undefined) {
      throw new Error(`no answer: ${JSON.stringify(rest.slice(0, 200))}`);
    }
    const head = { status: Number(status), headers: new Map(lines.map(readHeader)) };
    const { body, rest: after, isWhole } = readBody(head, rest.slice(end + 4), isHead);
    answers.push({ ...head, body, isWhole });
    rest = after;
  }
  return answers;
}

function readHeader(line: string): readonly [string, string] {
  const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+): ?([\t -~\x80-\xff]*)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) {
    throw new Error(`no header: ${JSON.stringify(line)}`);
  }
  return [name.toLowerCase(), value];
}

interface Body {
  readonly body: string;
  readonly rest: string;
  readonly isWhole: boolean;
}

function readBody(head: Pick<RawAnswer, 'status' | 'headers'>, text: string, isHead: boolean): Body {
  const { status, headers } = head;
  if (isHead || status < 200 || status === 204 || status === 304) {
    return { body: '', rest: text, isWhole: true };
  }
  if (headers.get('transfer-encoding') === 'chunked') {
    return readChunks(text);
  }
  const length = headers.get('content-length');
  if (length === undefined) {
    return { body: text, rest: '', isWhole: headers.get('connection') === 'close' };
  }
  const body = text.slice(0, Number(length));
  return { body, rest: text.slice(body.length), isWhole: body.length === Number(length) };
}

function readChunks(text: string): Body {
  let [body, rest] = ['', text];
  for (;;) {
    const [line, digits] = /^([0-9a-f]+)\r\n/i.exec(rest) ?? [];
    if (line === undefined || digits === undefined) {
      return { body, rest: '', isWhole: false };
    }
    const length = Number.parseInt(digits, 16);
    const chunk = rest.slice(line.length, line.length + length);
    body += chunk;
    rest = rest.slice(line.length + length + 2);
    if (length === 0 || chunk.length < length) {
      return { body, rest, isWhole: length === 0 };
    }
  }
}
