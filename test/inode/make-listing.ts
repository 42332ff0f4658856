// Listings for tests of how they are kept: children that look as a node gives them, always new objects.
import fc from 'fast-check';
import type { Child } from '../../src/tahoe/grid.ts';

/** Two with equal arguments are equal, and never the same object. */
export function makeChild(seed: number, hasWriteCap = false): Child {
  return {
    kind: hasWriteCap ? 'directory' : 'file',
    writeCap: hasWriteCap ? `write cap ${seed}` : undefined,
    readCap: `read cap ${seed}`,
    metadata: {
      tahoe: { linkmotime: seed, linkcrtime: seed },
      tw: { c: `c${seed}`, m: seed, t: `t${seed}` },
    },
  };
}

/** Children of the names `n00000`, `n00001`... */
export function makeListing(size: number, seed = 0): Map<string, Child> {
  return new Map(Array.from({ length: size }, (_, i) => [nameOf(i), makeChild(seed + i, i % 5 === 0)]));
}

export function nameOf(index: number): string {
  return `n${String(index).padStart(5, '0')}`;
}

export function sorted(children: ReadonlyMap<string, Child>): Array<[string, Child]> {
  return [...children].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** One step of a listing's life. */
type Step =
  | { readonly kind: 'add' | 'remove'; readonly from: number; readonly count: number }
  | { readonly kind: 'replace'; readonly from: number; readonly seed: number }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'empty' | 'read again' };

const from = fc.integer({ min: 0, max: 1_200 });
const oddName = fc.oneof(
  fc.constantFrom('', '0', '1', '10', '-1', '4294967295', '__proto__', 'constructor', '\u{10ffff}', '\uffff'),
  fc.string({ unit: 'binary', maxLength: 4 }),
);

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), from, count: from }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), from, count: from }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('replace' as const), from, seed: fc.nat(99) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('name' as const), name: oddName }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('empty' as const, 'read again' as const) }) },
  ),
  { maxLength: 12 },
);

export function stepped(before: ReadonlyMap<string, Child>, step: Step): Map<string, Child> {
  const after = new Map(before);
  switch (step.kind) {
    case 'add':
      for (let i = step.from; i < Math.min(step.from + step.count, 1_500); i += 1) {
        after.set(nameOf(i), makeChild(i, i % 3 === 0));
      }
      return after;
    case 'remove':
      for (let i = step.from; i < step.from + step.count; i += 1) {
        after.delete(nameOf(i));
      }
      return after;
    case 'replace':
      return after.set(nameOf(step.from), makeChild(step.seed));
    case 'name':
      return after.set(step.name, makeChild(step.name.length, true));
    case 'empty':
      return new Map();
    case 'read again':
      return new Map(sorted(structuredClone(after)).reverse());
  }
}
