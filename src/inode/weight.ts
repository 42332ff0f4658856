// What listings take of the memory, estimated: all children alike, but for what may be large of a single one. Weighing
// must cost little beside reading: about 1 us a child.
//
// All counts three times: V8 lets twice as much garbage stand beside what is alive, so that a walk over 30,000 directories with 64 MiB of
// live listings peaked at 400 MB. (Its flag --heap-growing-percent=40 kept that at 222 MB, but took a third of the time
// of every request with large buffers.)
import type { Child, EdgeMetadata } from '../tahoe/grid.ts';
import { OUR_KEY } from './edge.ts';

/** A directory without its children. */
export const OWN_BYTES = 7_500;
/** Caps, marks and times take 560 to 700 (heap after gc, node 20); the rest is what is known of it once it was shown. */
const CHILD_BYTES = 3_000;
const VALUE_BYTES = 120;

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
    return VALUE_BYTES + 3 * value.length;
  }
  let weight = VALUE_BYTES;
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) {
      weight += weightOfValue(part);
    }
  }
  return weight;
}
