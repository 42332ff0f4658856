// What listings take of the memory, estimated: all children alike, but for what may be large of a single one. Weighing
// must cost little beside reading: about 1 us a child.
import type { Child, EdgeMetadata } from '../tahoe/grid.ts';
import { OUR_KEY } from './edge.ts';

/** A directory without its children. */
export const OWN_BYTES = 2_500;
/** Caps, marks and times take 560 to 700 (heap after gc, node 20); the rest is what is known of it once it was shown. */
const CHILD_BYTES = 1_000;
const VALUE_BYTES = 40;

const weights = new WeakMap<ReadonlyMap<string, Child>, number>();

/** Weighed once for each listing. */
export function weightOf(children: ReadonlyMap<string, Child>): number {
  let weight = weights.get(children);
  if (weight === undefined) {
    weight = children.size * CHILD_BYTES;
    for (const { metadata } of children.values()) {
      weight += extraOf(metadata);
    }
    weights.set(children, weight);
  }
  return weight;
}

/** What a child has beyond the usual: dead properties, and what other programs have noted. */
function extraOf(metadata: EdgeMetadata): number {
  let extra = 0;
  for (const key in metadata) {
    if (key === OUR_KEY) {
      const mark = metadata[key] as { readonly p?: unknown } | null;
      extra += mark?.p === undefined ? 0 : weightOfValue(mark.p);
    } else if (key !== 'tahoe') {
      extra += weightOfValue(metadata[key]);
    }
  }
  return extra;
}

function weightOfValue(value: unknown): number {
  if (typeof value === 'string') {
    return VALUE_BYTES + value.length;
  }
  let weight = VALUE_BYTES;
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) {
      weight += weightOfValue(part);
    }
  }
  return weight;
}
