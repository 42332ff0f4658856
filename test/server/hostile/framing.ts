// Messages: where one ends and the next begins (RFC 9112). Two readings of that, ours and a proxy's, are what request
// smuggling lives on; so whatever has two is refused, and the connection with it.
import { ask, type Hostile, hostile, keep, type Line, SCRATCH, send } from './request.ts';

/** What a smuggler would like to be a request of its own. */
const SMUGGLED = keep('DELETE /dav/file.txt');
const put = (name: string, ...headers: readonly string[]): string => ask(`PUT ${SCRATCH}${name}`, ...headers);
/** Over what is there, so that nobody fails to see it. */
const overwrite = (...headers: readonly string[]): string => ask('PUT /dav/file.txt', ...headers);
const CHUNKED = 'Transfer-Encoding: chunked';
const HELLO = '5\r\nhello\r\n0\r\n\r\n';

const LENGTHS: readonly Line[] = [
  ['a length and chunks', `${overwrite('Content-Length: 6', CHUNKED)}0\r\n\r\n${SMUGGLED}`, 400],
  ['chunks and a length', `${overwrite(CHUNKED, 'Content-Length: 6')}0\r\n\r\n${SMUGGLED}`, 400],
  ['chunks and a length of nothing', `${overwrite(CHUNKED, 'Content-Length: 0')}${HELLO}`, 400],
  ['two lengths', `${overwrite('Content-Length: 5', 'Content-Length: 0')}hello`, 400],
  ['a length twice', `${overwrite('Content-Length: 5', 'Content-Length: 5')}hello`, 400],
  ['a list of lengths', `${overwrite('Content-Length: 5, 5')}hello`, 400],
  ['a negative length', `${overwrite('Content-Length: -5')}hello`, 400],
  ['a length with a plus', `${overwrite('Content-Length: +5')}hello`, 400],
  ['a length with a point', `${overwrite('Content-Length: 5.0')}hello`, 400],
  ['a length with an exponent', `${overwrite('Content-Length: 5e0')}hello`, 400],
  ['a hexadecimal length', `${overwrite('Content-Length: 0x5')}hello`, 400],
  ['a length with a space in it', `${overwrite('Content-Length: 5 5')}hello`, 400],
  ['a length that is none', `${overwrite('Content-Length: five')}hello`, 400],
  ['an empty length', `${overwrite('Content-Length:')}hello`, 400],
  ['a length beyond 64 bits', overwrite('Content-Length: 99999999999999999999999'), 400],
  ['a length of 64 bits', overwrite('Content-Length: 18446744073709551615'), 413, { ending: 'end' }],
  ['a length beyond exact numbers', overwrite('Content-Length: 9007199254740993'), 413, { ending: 'end' }],
  ['5 GiB for a PROPFIND', ask('PROPFIND /dav/', 'Content-Length: 5368709120'), 413, { ending: 'end' }],
  ['5 GiB for a LOCK', ask('LOCK /dav/file.txt', 'Content-Length: 5368709120'), 413, { ending: 'end' }],
  ['5 GiB for a MKCOL', ask('MKCOL /dav/new/', 'Content-Length: 5368709120'), 413, { ending: 'end' }],
  ['5 GiB for a DELETE', ask('DELETE /dav/file.txt', 'Content-Length: 5368709120'), 413, { ending: 'end' }],
  ['space around a length', `${put('length', 'Content-Length:  5 ')}hello`, /^20[14]$/],
  ['more than the length', `${put('longer', 'Content-Length: 5')}helloworld`, /^20[14]( 400)?$/],
  ['a PUT without a length', `${put('no-length')}`, /^20[14]$/],
];

const ENCODINGS: readonly Line[] = [
  ['another encoding', `${overwrite('Transfer-Encoding: gzip')}${HELLO}`, /^(400|501)$/],
  ['an encoding before chunked', `${overwrite('Transfer-Encoding: gzip, chunked')}${HELLO}`, /^(400|501)$/],
  ['an encoding after chunked', `${overwrite('Transfer-Encoding: chunked, gzip')}${HELLO}`, /^(400|501)$/],
  ['identity', `${overwrite('Transfer-Encoding: identity')}${HELLO}`, /^(400|501)$/],
  ['chunked and identity', `${overwrite('Transfer-Encoding: chunked, identity')}${HELLO}`, /^(400|501)$/],
  ['chunked twice', `${overwrite(CHUNKED, CHUNKED)}${HELLO}`, /^(400|501)$/],
  ['chunked twice in one line', `${overwrite('Transfer-Encoding: chunked, chunked')}${HELLO}`, /^(400|501)$/],
  ['nearly chunked', `${overwrite('Transfer-Encoding: xchunked')}${HELLO}`, /^(400|501)$/],
  ['chunked with a parameter', `${overwrite('Transfer-Encoding: chunked;q=1')}${HELLO}`, /^(400|501)$/],
  ['chunked in quotes', `${overwrite('Transfer-Encoding: "chunked"')}${HELLO}`, /^(400|501)$/],
  ['an empty encoding', `${overwrite('Transfer-Encoding:')}${HELLO}`, /^(400|501)$/],
  ['chunked behind a vertical tab', `${overwrite('Transfer-Encoding: \x0bchunked')}${HELLO}`, 400],
  ['chunked on a folded line', `${overwrite('Transfer-Encoding:\r\n chunked')}${HELLO}`, 400],
  ['a space before the colon', `${overwrite('Transfer-Encoding : chunked')}${HELLO}`, 400],
  ['chunked in capitals', `${put('capitals', 'Transfer-Encoding: CHUNKED')}${HELLO}`, /^20[14]$/],
  ['a header of nearly that name', `${put('under', 'Transfer_Encoding: chunked')}`, /^20[14]$/],
  [
    'chunks in HTTP/1.0',
    `PUT /dav/file.txt HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${HELLO}`,
    400,
  ],
];

const chunks = (text: string): string => `${overwrite(CHUNKED)}${text}`;

const CHUNKS: readonly Line[] = [
  ['a chunk size that is none', chunks('zz\r\nhello\r\n0\r\n\r\n'), 400],
  ['a chunk size with 0x', chunks('0x5\r\nhello\r\n0\r\n\r\n'), 400],
  ['a negative chunk size', chunks('-5\r\nhello\r\n0\r\n\r\n'), 400],
  ['a chunk size beyond 64 bits', chunks('fffffffffffffffff\r\nhello\r\n0\r\n\r\n'), 400],
  ['a chunk size that wraps to 5', chunks('10000000000000005\r\nhello\r\n0\r\n\r\n'), 400],
  ['an empty chunk size', chunks('\r\nhello\r\n0\r\n\r\n'), 400],
  ['a space before the chunk size', chunks(' 5\r\nhello\r\n0\r\n\r\n'), 400],
  ['a chunk longer than its size', chunks('2\r\nhello\r\n0\r\n\r\n'), 400],
  ['a line feed alone after the size', chunks('5\nhello\r\n0\r\n\r\n'), 400],
  ['a line feed alone after the chunk', chunks('5\r\nhello\n0\r\n\r\n'), 400],
  ['a carriage return alone after the size', chunks('5\rhello\r\n0\r\n\r\n'), 400],
  ['a line feed in a chunk extension', chunks(`5;a\nb\r\nhello\r\n0\r\n\r\n`), 400],
  ['a NUL in a chunk extension', chunks('5;a=\0\r\nhello\r\n0\r\n\r\n'), 400],
  ['a chunk extension of 20 KiB', chunks(`5;${'a'.repeat(20_480)}\r\nhello\r\n0\r\n\r\n`), /^(400|413)$/],
  ['a header in the trailer that frames', chunks('5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n'), /^400$/],
  ['a trailer that is no header', chunks('5\r\nhello\r\n0\r\nno header\r\n\r\n'), 400],
  ['a trailer of 20 KiB', chunks(`5\r\nhello\r\n0\r\nX: ${'a'.repeat(20_480)}\r\n\r\n`), 431],
  ['a chunk of a terabyte that never comes', chunks('10000000000\r\nhello'), /^(|400)$/, { ending: 'end' }],
  [
    'extensions and a trailer that are well-formed',
    `${put('extended', CHUNKED)}5;name="a;b";c\r\nhello\r\n000;x\r\nIf-None-Match: *\r\nX: y\r\n\r\n`,
    /^20[14]$/,
  ],
  [
    'a chunk size in many zeros',
    `${put('zeros', CHUNKED)}${'0'.repeat(200)}5\r\nhello\r\n0\r\n\r\n`,
    /^20[14]$|^400$/,
  ],
  [
    'a thousand chunks of one byte',
    `${put('bytes', CHUNKED)}${'1\r\nx\r\n'.repeat(1000)}0\r\n\r\n`,
    /^20[14]$/,
  ],
];

const raw = (...lines: readonly string[]): string => lines.join('\r\n');
const GET = 'GET /dav/file.txt HTTP/1.1';
const END = ['Connection: close', 'Host: localhost', '', ''];

const HEADS: readonly Line[] = [
  ['line feeds alone', 'DELETE /dav/file.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n', 400],
  ['a line feed alone after one header', raw(GET, 'X: a\nY: b', ...END), 400],
  ['a carriage return in a value', raw(GET, 'X: a\rY: b', ...END), 400],
  ['a NUL in a value', raw(GET, 'X: a\0b', ...END), 400],
  ['a control character in a value', raw(GET, 'X: a\x01b', ...END), 400],
  ['a DEL in a value', raw(GET, 'X: a\x7fb', ...END), 400],
  ['a folded header', raw(GET, 'X: a', ' b', ...END), 400],
  ['a folded header, with a tab', raw(GET, 'X: a', '\tb', ...END), 400],
  ['a folded header before any other', raw(GET, ' X: a', ...END), 400],
  ['a header without a colon', raw(GET, 'no colon', ...END), 400],
  ['a header without a name', raw(GET, ': value', ...END), 400],
  ['a space before the colon', raw(GET, 'X : a', ...END), 400],
  ['a space in a name', raw(GET, 'X Y: a', ...END), 400],
  ['brackets in a name', raw(GET, 'X(Y): a', ...END), 400],
  ['a NUL in a name', raw(GET, 'X\0: a', ...END), 400],
  ['a name that is no ASCII', raw(GET, 'X\xe9: a', ...END), 400],
  ['a header of 17 KiB', raw(GET, `X: ${'a'.repeat(17 * 1024)}`, ...END), 431],
  ['a name of 17 KiB', raw(GET, `${'a'.repeat(17 * 1024)}: X`, ...END), 431],
  ['a header of a megabyte', raw(GET, `X: ${'a'.repeat(1 << 20)}`, ...END), 431],
  ['5,000 headers', raw(GET, ...Array.from({ length: 5000 }, (_, n) => `X${n}: a`), ...END), 431],
  ['800 headers', raw(GET, ...Array.from({ length: 800 }, (_, n) => `X${n}: a`), ...END), 200],
  ['2,500 headers before the host', raw(GET, ...Array(2500).fill('a:'), ...END), 200],
  [
    '2,500 headers before a condition',
    raw(
      'DELETE /dav/file.txt HTTP/1.1',
      'Host: localhost',
      ...Array(2500).fill('a:'),
      'If-Match: "x"',
      'Connection: close',
      '',
      '',
    ),
    412,
  ],
  [
    '2,500 headers before an Overwrite',
    raw(
      'MOVE /dav/other/file.txt HTTP/1.1',
      'Host: localhost',
      'Destination: /dav/file.txt',
      ...Array(2500).fill('a:'),
      'Overwrite: F',
      'Connection: close',
      '',
      '',
    ),
    412,
  ],
  ['names of objects', raw(GET, '__proto__: a', 'constructor: b', 'toString: c', ...END), 200],
  ['bytes above ASCII in a value', raw(GET, 'X: \xc3\xa9\xff', ...END), 200],
  ['an empty line first', `\r\n${raw(GET, ...END)}`, 200],
  ['no header at all', `${GET}\r\n\r\n`, 400],
];

const REQUEST_LINES: readonly Line[] = [
  ['nothing', '', '', { ending: 'end' }],
  ['empty lines', '\r\n\r\n\r\n', '', { ending: 'end' }],
  ['two words', 'GET /dav/file.txt\r\n\r\n', /^(400|505)$/],
  ['HTTP/0.9', 'GET /\r\n', /^(|400)$/, { ending: 'end' }],
  ['HTTP/1.2', raw('GET /dav/file.txt HTTP/1.2', ...END), /^(400|505)$/],
  ['HTTP/2.0', raw('GET /dav/file.txt HTTP/2.0', ...END), /^(400|505)$/],
  ['HTTP/9.9', raw('GET /dav/file.txt HTTP/9.9', ...END), /^(400|505)$/],
  ['HTTP/1', raw('GET /dav/file.txt HTTP/1', ...END), 400],
  ['HTTP/1.10', raw('GET /dav/file.txt HTTP/1.10', ...END), 400],
  ['http/1.1', raw('GET /dav/file.txt http/1.1', ...END), 400],
  ['another protocol', raw('GET /dav/file.txt ICY/1.1', ...END), 400],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', /^(400|505)$/],
  ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['the banner of SSH', 'SSH-2.0-OpenSSH_9.2\r\n', 400],
  ['a greeting of SOCKS', '\x05\x01\x00', 400],
  ['a header of the PROXY protocol', `PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n${raw(GET, ...END)}`, 400],
  ['a script of another language', '#!/bin/sh\nrm -rf /\n', 400],
  ['all bytes there are', Array.from({ length: 256 }, (_, n) => String.fromCharCode(n)).join(''), 400],
  ['100 KB of one letter', 'A'.repeat(100_000), 400],
  ['a method of 20,000 letters', raw(`${'GET'.repeat(6_000)} / HTTP/1.1`, ...END), 400],
  ['a tab for a space', raw('GET\t/dav/file.txt\tHTTP/1.1', ...END), 400],
  ['a space first', raw(' GET /dav/file.txt HTTP/1.1', ...END), 400],
  ['a space in the target', raw('DELETE /dav/file.txt x HTTP/1.1', ...END), 400],
  ['a NUL in the target', raw('DELETE /dav/file.txt\0.html HTTP/1.1', ...END), 400],
];

const HTTP_1_0: readonly Line[] = [
  ['HTTP/1.0', 'GET /dav/file.txt HTTP/1.0\r\nHost: localhost\r\n\r\n', 200],
  ['HTTP/1.0 without a host', 'GET /dav/file.txt HTTP/1.0\r\n\r\n', 400],
  ['a write of HTTP/1.0 without a host', 'DELETE /dav/file.txt HTTP/1.0\r\n\r\n', 400],
  [
    'HTTP/1.0 that keeps the connection',
    `GET /dav/file.txt HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n${ask('GET /dav/dir/a.txt')}`,
    '200 200',
    { body: 'a' },
  ],
  [
    'HTTP/1.0 with an expectation',
    `PUT ${SCRATCH}1.0 HTTP/1.0\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx`,
    /^20[14]$/,
  ],
  ['a listing for HTTP/1.0', 'PROPFIND /dav/ HTTP/1.0\r\nHost: localhost\r\nDepth: 1\r\n\r\n', 207],
];

const PIPELINES: readonly Line[] = [
  [
    'twenty at once',
    `${keep('GET /dav/dir/a.txt').repeat(19)}${ask('GET /dav/file.txt')}`,
    Array(20).fill('200').join(' '),
    { body: 'abcdefghijklmnopqrstuvwxyz' },
  ],
  [
    'reads and writes, each seeing what the one before has done',
    keep(`PUT ${SCRATCH}piped`, 'Content-Length: 3') +
      `one${keep(`GET ${SCRATCH}piped`)}${keep(`DELETE ${SCRATCH}piped`)}${keep(`GET ${SCRATCH}piped`)}` +
      ask(`MKCOL ${SCRATCH}piped`, 'Content-Length: 0'),
    '201 200 204 404 201',
  ],
  ['a refusal among others', `${keep('GET /dav/%zz')}${ask('GET /dav/file.txt')}`, '400 200'],
  [
    'a refused body among others',
    `${keep('PUT /dav/dir/', 'Content-Length: 5')}hello${ask('GET /dav/file.txt')}`,
    '405 200',
    { body: 'abcdefghijklmnopqrstuvwxyz' },
  ],
  [
    'a refused body that reads like a request',
    `${keep('PUT /dav/dir/', `Content-Length: ${SMUGGLED.length}`)}${SMUGGLED}${ask('GET /dav/file.txt')}`,
    '405 200',
  ],
  [
    'a GET with a body that reads like a request',
    `${keep('GET /dav/dir/a.txt', `Content-Length: ${SMUGGLED.length}`)}${SMUGGLED}${ask('GET /dav/file.txt')}`,
    '200 200',
  ],
  [
    'ten thousand at once',
    ask('GET /dav/dir/a.txt').replace('Connection: close', 'X: y').repeat(10_000),
    /^(200 ?)*$/,
  ],
  ['a write behind a close', `${ask('GET /dav/file.txt')}${SMUGGLED}`, /^200( 400)?$/],
  [
    'a write behind a refusal that closes',
    `${keep('PUT /dav/x', 'Host: localhost', 'Content-Length: 0')}${SMUGGLED}`,
    400,
  ],
  ['a write behind a refused body', `${keep('PUT /dav/dir/', CHUNKED)}${HELLO}${SMUGGLED}`, 405],
  ['rubbish behind a request', `${keep('GET /dav/file.txt')}rubbish\r\n\r\n`, '200 400'],
  ['rubbish behind a listing', `${keep('PROPFIND /dav/', 'Depth: 1')}\0\0\0\0`, '207 400'],
  [
    'rubbish behind a write, which is done and told',
    `${keep(`MKCOL ${SCRATCH}before-rubbish`)}rubbish\r\n\r\n`,
    /^(201|405) 400$/,
  ],
  [
    'an upgrade to HTTP/2',
    ask('GET /dav/file.txt', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AA'),
    200,
  ],
  [
    'an upgrade to a web socket',
    ask('GET /dav/file.txt', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'),
    200,
  ],
];

/** A client that is gone before it has sent all, or before it has its answer. */
const BROKEN: readonly Line[] = (['end', 'reset'] as const).flatMap((ending): readonly Line[] => {
  const how = ending === 'end' ? 'and half closed' : 'and gone';
  const nothing = /^(|400|408)$/;
  return [
    [`half a method ${how}`, 'DEL', nothing, { ending }],
    [`half a request line ${how}`, 'DELETE /dav/file.txt', nothing, { ending }],
    [`a request line ${how}`, 'DELETE /dav/file.txt HTTP/1.1\r\n', nothing, { ending }],
    [
      `headers without their end ${how}`,
      'DELETE /dav/file.txt HTTP/1.1\r\nHost: localhost\r\n',
      nothing,
      { ending },
    ],
    [`a head without its body ${how}`, overwrite('Content-Length: 5'), nothing, { ending }],
    [`half a body ${how}`, `${overwrite('Content-Length: 1000')}hello`, nothing, { ending }],
    [
      `all of a body but a byte ${how}`,
      `${overwrite('Content-Length: 300000')}${'x'.repeat(299_999)}`,
      nothing,
      { ending },
    ],
    [
      `half a body of a new file ${how}`,
      `${ask('PUT /dav/new', 'Content-Length: 9')}hello`,
      nothing,
      { ending },
    ],
    [`a chunked head without chunks ${how}`, overwrite(CHUNKED), nothing, { ending }],
    [`half a chunk size ${how}`, chunks('5'), nothing, { ending }],
    [`half a chunk ${how}`, chunks('5\r\nhe'), nothing, { ending }],
    [`chunks without the last ${how}`, chunks('5\r\nhello\r\n'), nothing, { ending }],
    [`a last chunk without its end ${how}`, chunks('5\r\nhello\r\n0\r\n'), nothing, { ending }],
    [`half an XML body ${how}`, ask('PROPPATCH /dav/file.txt', 'Content-Length: 999'), nothing, { ending }],
    [
      `no body after 100 Continue ${how}`,
      overwrite('Content-Length: 5', 'Expect: 100-continue'),
      /^(|100|400|100 400)$/, // room is asked for before the 100
      { ending },
    ],
  ];
});

const GONE: readonly Line[] = [
  ['a file that nobody takes', ask('GET /dav/big.bin'), '', { ending: 'reset' }],
  ['a range that nobody takes', ask('GET /dav/big.bin', 'Range: bytes=9-700000'), '', { ending: 'reset' }],
  ['a listing that nobody takes', ask('PROPFIND /dav/'), '', { ending: 'reset' }],
  ['a page that nobody takes', ask('GET /dav/'), '', { ending: 'reset' }],
  ['a PUT whose answer nobody takes', send(`PUT ${SCRATCH}gone`, 'x'), '', { ending: 'reset' }],
  ['a MKCOL whose answer nobody takes', ask(`MKCOL ${SCRATCH}gone-too`), '', { ending: 'reset' }],
  ['a hundred GETs that nobody takes', keep('GET /dav/big.bin').repeat(100), '', { ending: 'reset' }],
];

export const framing: ReadonlyMap<string, readonly Hostile[]> = new Map(
  Object.entries({
    lengths: LENGTHS,
    'transfer encodings': ENCODINGS,
    chunks: CHUNKS,
    heads: HEADS,
    'request lines': REQUEST_LINES,
    'HTTP/1.0': HTTP_1_0,
    pipelines: PIPELINES,
    'broken off': BROKEN,
    'answers that nobody takes': GONE,
  }).map(([chapter, lines]) => [chapter, lines.map(hostile)]),
);
