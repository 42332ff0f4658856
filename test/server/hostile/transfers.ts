// COPY and MOVE, and the headers that say how far and where to: Depth, Destination, Overwrite. All four servers that
// we compared with destroy what is moved onto its own parent.
import { ask, FIXTURE, type Hostile, hostile, type Line, SCRATCH, utf8 } from './request.ts';

const move = (from: string, to: string, ...headers: readonly string[]): string =>
  ask(`MOVE /dav/${from}`, `Destination: ${to}`, ...headers);
const copy = (from: string, to: string, ...headers: readonly string[]): string =>
  ask(`COPY /dav/${from}`, `Destination: ${to}`, ...headers);
const put = (to: string): string => copy('file.txt', to);
const lookAt = (...headers: readonly string[]): string => ask('PROPFIND /dav/dir/', ...headers);

const DEPTHS: readonly Line[] = [
  ['Depth 2', lookAt('Depth: 2'), 400],
  ['Depth -1', lookAt('Depth: -1'), 400],
  ['Depth 1.0', lookAt('Depth: 1.0'), 400],
  ['Depth 01', lookAt('Depth: 01'), 400],
  ['Depth 0x1', lookAt('Depth: 0x1'), 400],
  ['a Depth that is none', lookAt('Depth: abc'), 400],
  ['an empty Depth', lookAt('Depth:'), 400],
  ['a list of depths', lookAt('Depth: 0, 1'), 400],
  ['two depths', lookAt('Depth: 0', 'Depth: infinity'), 400],
  ['two equal depths', lookAt('Depth: 1', 'Depth: 1'), 400],
  ['1,noroot', lookAt('Depth: 1,noroot'), 400],
  ['infinity in capitals', lookAt('Depth: INFINITY'), 207, { body: /deep\.txt/ }],
  ['no depth', lookAt(), 207, { body: /deep\.txt/ }],
  ['DELETE of depth 0 of a collection', ask('DELETE /dav/dir/', 'Depth: 0'), 400],
  ['DELETE of depth 1 of a collection', ask('DELETE /dav/dir/', 'Depth: 1'), 400],
  ['DELETE of a depth that is none', ask('DELETE /dav/file.txt', 'Depth: all'), 400],
  ['MOVE of depth 0 of a collection', move('dir/', `${SCRATCH}d`, 'Depth: 0'), 400],
  ['MOVE of depth 1 of a collection', move('dir/', `${SCRATCH}d`, 'Depth: 1'), 400],
  ['MOVE of a depth that is none', move('file.txt', `${SCRATCH}d`, 'Depth: 5'), 400],
  ['COPY of depth 1', copy('dir/', `${SCRATCH}d`, 'Depth: 1'), 400],
  ['COPY of depth 0, which is the collection alone', copy('dir/', `${SCRATCH}alone`, 'Depth: 0'), 201],
  ['nothing in that copy', ask(`GET ${SCRATCH}alone/a.txt`), 404],
];

const DESTINATIONS: readonly Line[] = [
  ['none', ask('MOVE /dav/file.txt'), 400],
  ['an empty one', put(''), 400],
  ['two', ask('MOVE /dav/file.txt', `Destination: ${SCRATCH}a`, `Destination: ${SCRATCH}b`), /^40[09]$/],
  ['on another host', put('http://evil.example/dav/scratch/x'), 502],
  ['on a host that begins like ours', put('http://localhost.evil.example/dav/scratch/x'), 502],
  ['on another port', put('http://localhost:1/dav/scratch/x'), 502],
  ['on no host', put('http:///dav/scratch/x'), 502],
  ['on a malformed host', put('http://[bad/dav/scratch/x'), /^(400|502)$/],
  ['with a host and no path', put('http://localhost'), 502],
  ['with a query for a path', put('http://localhost?x'), 400],
  ['outside of the base', put('/x'), 502],
  ['that begins like the base', put('/davx/x'), 502],
  ['at the health check', put('/-/healthz'), 502],
  ['at a reserved path', put('/dav/-/x'), 403],
  ['that is relative', put('x.txt'), 400],
  ['that is relative, with dots', put('../x'), 400],
  ['without a scheme', put('//localhost/dav/scratch/x'), 400],
  ['with a scheme alone', put('http:'), 400],
  ['in another scheme', put('file:///etc/passwd'), 502],
  ['in a scheme without a host', put('javascript:alert(1)'), 400],
  ['with a malformed escape', put(`${SCRATCH}%zz`), 400],
  ['with half an escape', put(`${SCRATCH}x%`), 400],
  ['with an escape that is no UTF-8', put(`${SCRATCH}%ff`), 400],
  ['with an overlong slash', put(`${SCRATCH}%c0%af`), 400],
  ['with an escaped slash', put(`${SCRATCH}a%2Fb`), 400],
  ['with an escaped backslash', put(`${SCRATCH}a%5cb`), 400],
  ['with a backslash', put(`${SCRATCH}a\\b`), 400],
  ['with an escaped NUL', put(`${SCRATCH}a%00`), 400],
  ['with an escaped line break', put(`${SCRATCH}a%0d%0a`), /^(400|403)$/],
  ['with dots', put('/dav/dir/../file.txt'), 400],
  ['with escaped dots', put('/dav/dir/%2e%2e/file.txt'), 400],
  ['with dots out of the base', put('http://localhost/dav/../x'), 400],
  ['with a fragment', put(`${SCRATCH}x#frag`), 400],
  ['with a query', put(`${SCRATCH}x?a=b`), 400],
  ['with a byte of Latin-1', put(`${SCRATCH}\xe9`), 400],
  ['in angle brackets', put(`<${SCRATCH}x>`), 400],
  ['in quotes', put(`"${SCRATCH}x"`), 400],
  ['of 14,000 characters', put(`${SCRATCH}${'x'.repeat(14_000)}`), /^(201|400|403|414)$/],
  ['below nothing', put('/dav/nothing/x'), 409],
  ['below a file', put('/dav/other/file.txt/x'), 409],
  ['with a user and a password', put(`http://me:secret@localhost${SCRATCH}user`), /^20[14]$/],
  ['in another scheme of HTTP', put(`https://localhost${SCRATCH}scheme`), /^20[14]$/],
  ['on our host in capitals and with a port', put(`HTTP://LOCALHOST:80${SCRATCH}capitals`), /^20[14]$/],
  ['with slashes in a row', put(`//${SCRATCH.slice(1)}`), 400],
  ['with slashes in a row behind the host', put(`http://localhost//dav//scratch//slashes`), /^(20[14]|502)$/],
  ['in UTF-8 that is not escaped', put(utf8(`${SCRATCH}é`)), /^20[14]$/],
  ['of a name of objects', put(`${SCRATCH}constructor`), /^20[14]$/],
];

const SELF = [
  ['itself', '/dav/dir/'],
  ['itself without its slash', '/dav/dir'],
  ['itself in escapes', '/dav/%64ir/'],
  ['itself with slashes in a row', '/dav//dir//'],
  ['itself as a URL', 'http://localhost/dav/dir'],
  ['a child of itself', '/dav/dir/new'],
  ['its own child', '/dav/dir/sub'],
  ["its own grandchild's place", '/dav/dir/sub/new'],
] as const;

const RELATIVES: readonly Line[] = [
  ...SELF.flatMap(([about, to]): readonly Line[] => [
    [`a collection moved onto ${about}`, move('dir/', to), 403],
    [`a collection copied onto ${about}`, copy('dir/', to), 403],
    [`a collection copied alone onto ${about}`, copy('dir/', to, 'Depth: 0'), 403],
  ]),
  ['a file moved onto itself', move('file.txt', '/dav/file.txt'), 403],
  ['a file copied onto itself', copy('file.txt', '/dav/file.txt'), 403],
  [
    'a file moved onto itself, not overwriting',
    move('file.txt', '/dav/file.txt', 'Overwrite: F'),
    /^(403|412)$/,
  ],
  ['a child moved onto its parent', move('dir/sub/', '/dav/dir/'), 403],
  ['a child copied onto its parent', copy('dir/sub/', '/dav/dir/'), 403],
  ['a file moved onto its parent', move('dir/a.txt', '/dav/dir'), 403],
  ['a file copied onto its parent', copy('dir/a.txt', '/dav/dir'), 403],
  ['a file moved onto its grandparent', move('dir/sub/deep.txt', '/dav/dir'), 403],
  ['a file moved onto the root', move('dir/sub/deep.txt', '/dav/'), 403],
  [
    'a child moved onto its parent, not overwriting',
    move('dir/sub/', '/dav/dir/', 'Overwrite: F'),
    /^(403|412)$/,
  ],
  ['nothing moved', move('nothing', `${SCRATCH}nothing`), 404],
  ['nothing copied', copy('nothing', `${SCRATCH}nothing`), 404],
  ['nothing moved onto something', move('nothing', '/dav/file.txt'), 404],
  ['what is below a file, moved', move('file.txt/x', `${SCRATCH}nothing`), /^(404|409)$/],
];

const OVERWRITES: readonly Line[] = [
  ['F, onto a file', move('other/file.txt', '/dav/file.txt', 'Overwrite: F'), 412],
  ['f, onto a file', move('other/file.txt', '/dav/file.txt', 'Overwrite: f'), /^4(00|12)$/],
  ['F, onto a collection', copy('file.txt', '/dav/dir', 'Overwrite: F'), 412],
  ['F, of a collection onto a file', copy('dir/', '/dav/file.txt', 'Overwrite: F'), 412],
  ['X', move('other/file.txt', '/dav/file.txt', 'Overwrite: X'), 400],
  ['true', move('other/file.txt', '/dav/file.txt', 'Overwrite: true'), 400],
  ['an empty one', move('other/file.txt', '/dav/file.txt', 'Overwrite:'), 400],
  ['T and F', move('other/file.txt', '/dav/file.txt', 'Overwrite: T', 'Overwrite: F'), 400],
  ['T, F', move('other/file.txt', '/dav/file.txt', 'Overwrite: T, F'), 400],
];

export const transfers: ReadonlyMap<string, readonly Hostile[]> = new Map(
  Object.entries({
    depths: DEPTHS,
    destinations: DESTINATIONS,
    'moves among relatives': RELATIVES,
    'Overwrite headers': OVERWRITES,
  }).map(([chapter, lines]) => [chapter, lines.map(hostile)]),
);

/** The copies above that must have been made, and what is in them. */
export const COPIES: ReadonlyMap<string, string> = new Map(
  ['user', 'scheme', 'capitals', '%C3%A9', 'constructor'].map((name) => [
    SCRATCH + name,
    FIXTURE.get('/dav/file.txt') ?? '',
  ]),
);
