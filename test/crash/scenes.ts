// Stories that pass all the points at which a process may end: what is set up and brought to the grid before, and what
// is done then.
import type { Change, Step } from './write-back-steps.ts';

export interface Scene {
  readonly name: string;
  /** On the grid before the first step. */
  readonly setup: readonly Change[];
  readonly steps: readonly Step[];
}

const put = (
  path: string,
  content = `content of ${path} that is put, over 55 bytes, so no literal`,
): Change => ({
  op: 'put',
  path,
  content,
});
const mkdir = (path: string): Change => ({ op: 'mkdir', path });
const remove = (path: string): Change => ({ op: 'remove', path });
const move = (path: string, to: string): Change => ({ op: 'move', path, to });
const copy = (path: string, to: string): Change => ({ op: 'copy', path, to });
const set = (path: string, value: string): Change => ({ op: 'set', path, value });
const during = (call: string, change: Change, when: 'before' | 'after' = 'before'): Step => ({
  op: 'during',
  call,
  when,
  change,
});
const flush: Step = { op: 'flush' };
const evict: Step = { op: 'evict' };
const big = (path: string): Change => put(path, `content of ${path} ${'x'.repeat(300_000)}`);
const again = (path: string): Change =>
  put(path, `newer content of ${path}, which is longer than a literal cap`);

export const SCENES: readonly Scene[] = [
  {
    name: 'PUT of new files',
    setup: [mkdir('/d')],
    steps: [put('/small', 'a literal'), put('/d/f'), big('/d/big'), flush, evict],
  },
  {
    name: 'PUT over files that are on the grid, and over those that are not',
    setup: [put('/f'), put('/g')],
    steps: [again('/f'), put('/h'), again('/h'), flush, again('/g'), put('/f'), flush, evict],
  },
  {
    name: 'PUT while an older version is sent and linked',
    setup: [put('/g')],
    steps: [
      put('/f'),
      again('/g'),
      during('grid upload', again('/f')),
      put('/f'),
      during('grid setChildren', put('/f', 'short')),
      again('/f'),
      during('grid setChildren', put('/g'), 'after'),
      flush,
      evict,
    ],
  },
  {
    name: 'MKCOL and trees that are made here',
    setup: [],
    steps: [
      mkdir('/d'),
      mkdir('/d/e'),
      put('/d/e/f'),
      mkdir('/d/empty'),
      put('/d/g'),
      flush,
      put('/d/e/h'),
      flush,
      evict,
    ],
  },
  {
    name: 'MOVE of what is not on the grid',
    setup: [mkdir('/s')],
    steps: [
      put('/f'),
      move('/f', '/s/f'),
      mkdir('/d'),
      put('/d/a'),
      move('/d', '/s/d'),
      move('/s/d/a', '/s/d/b'),
      flush,
      evict,
    ],
  },
  {
    name: 'MOVE of what is on the grid, across directories',
    setup: [mkdir('/s'), mkdir('/t'), put('/s/f'), mkdir('/s/d'), put('/s/d/a'), put('/s/g')],
    steps: [
      move('/s/f', '/t/f'),
      move('/s/d', '/t/d'),
      put('/t/d/b'),
      flush,
      move('/s/g', '/g'),
      move('/t/d', '/d'),
      flush,
      evict,
    ],
  },
  {
    name: 'MOVE over what stands there',
    setup: [put('/a'), put('/b', 'b'), mkdir('/d'), put('/d/x'), mkdir('/e'), put('/e/y')],
    steps: [
      move('/a', '/b'),
      move('/d', '/e'),
      put('/c'),
      move('/c', '/b'),
      flush,
      mkdir('/n'),
      put('/n/z'),
      move('/n', '/e'),
      flush,
      evict,
    ],
  },
  {
    name: 'MOVE that swaps two names',
    setup: [mkdir('/s'), mkdir('/t'), put('/s/a'), put('/t/b')],
    steps: [move('/s/a', '/tmp'), move('/t/b', '/s/a'), move('/tmp', '/t/b'), flush, evict],
  },
  {
    name: 'COPY of files and trees',
    setup: [mkdir('/d'), put('/d/f'), mkdir('/d/e'), put('/d/e/g')],
    steps: [
      copy('/d/f', '/f'),
      put('/d/e/h'),
      copy('/d', '/c'),
      flush,
      copy('/c', '/d/c'),
      remove('/c'),
      flush,
      evict,
    ],
  },
  {
    name: 'DELETE of what is on the grid, and of what is not',
    setup: [put('/a'), mkdir('/d'), put('/d/f'), mkdir('/e'), put('/e/g')],
    steps: [
      remove('/a'),
      put('/b'),
      remove('/b'),
      put('/d/h'),
      remove('/d'),
      flush,
      remove('/e/g'),
      put('/e/g'),
      remove('/e'),
      flush,
      evict,
    ],
  },
  {
    name: 'DELETE of what is just being sent',
    setup: [],
    steps: [
      put('/a'),
      during('grid upload', remove('/a')),
      put('/b'),
      during('grid setChildren', remove('/b')),
      flush,
      put('/c'),
      during('grid setChildren', remove('/c'), 'after'),
      flush,
      mkdir('/d'),
      put('/d/f'),
      during('grid makeDirectory', remove('/d/f')),
      flush,
      mkdir('/e'),
      during('grid makeDirectory', remove('/e'), 'after'),
      flush,
      evict,
    ],
  },
  {
    name: 'MOVE of what is just being sent',
    setup: [mkdir('/s')],
    steps: [
      put('/a'),
      during('grid setChildren', move('/a', '/s/a')),
      flush,
      put('/b'),
      during('grid setChildren', move('/b', '/c'), 'after'),
      flush,
      mkdir('/d'),
      put('/d/f'),
      during('grid makeDirectory', move('/d', '/s/d'), 'after'),
      flush,
      evict,
    ],
  },
  {
    name: 'PROPPATCH',
    setup: [put('/a'), mkdir('/d')],
    steps: [
      set('/a', 'one'),
      put('/b'),
      set('/b', 'two'),
      flush,
      set('/b', 'three'),
      move('/b', '/d/b'),
      flush,
      evict,
    ],
  },
  {
    name: 'saves by a temporary file and two renames',
    setup: [put('/doc')],
    steps: [
      put('/tmp', 'the second version of the document, long enough to be no literal'),
      move('/doc', '/doc~'),
      move('/tmp', '/doc'),
      flush,
      put('/tmp', 'the third version of the document, long enough to be no literal'),
      move('/doc', '/doc~'),
      move('/tmp', '/doc'),
      remove('/doc~'),
      flush,
      evict,
    ],
  },
];
