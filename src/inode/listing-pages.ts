// A listing cut into pages of neighbouring names. Where pages begin stays as it was, so that a page whose children are
// the same keeps its id and need not be written again.
import { yieldToLoop } from '../base/clock.ts';
import type { Child } from '../tahoe/grid.ts';

export interface Page {
  readonly id: string;
  /** The first name that belongs here; the page before ends below it. */
  readonly from: string;
  readonly names: string[];
  readonly children: Child[];
}

export const MAX_PAGE_CHILDREN = 256;
/** A page that has grown too large leaves this in each part, so that it doesn't grow too large at once again. */
const FILL = 192;
/** Neighbours that have come to less than that together become one. */
const MERGE_BELOW = 96;

/** The pages of `children`; a page of `before` that still holds the same stands there with its id. */
export async function pagesOf(
  children: ReadonlyMap<string, Child>,
  before: readonly Page[],
  newId: () => string,
): Promise<readonly Page[]> {
  const names = sortedNames(children);
  const pages: Page[] = [];
  let at = 0;
  for (const slice of slices(names, before)) {
    const old = before[slice.old];
    const page: Page = {
      id: newId(),
      from: slice.from,
      names: names.slice(at, at + slice.count),
      children: [],
    };
    for (const name of page.names) {
      const child = children.get(name);
      if (child) {
        page.children.push(child);
      }
    }
    at += slice.count;
    pages.push(old && isSame(old, page) ? { ...page, id: old.id } : page);
    await yieldToLoop();
  }
  return pages;
}

/** In the order of UTF-16 code units. */
function sortedNames(children: ReadonlyMap<string, Child>): string[] {
  const names = [...children.keys()];
  const isSorted = names.every((name, index) => index === 0 || (names[index - 1] ?? '') < name);
  return isSorted ? names : names.sort();
}

interface Slice {
  readonly from: string;
  readonly count: number;
  /** Index of the page that began there before; -1 for none. */
  readonly old: number;
}

/** How many names each page gets. */
function slices(names: readonly string[], before: readonly Page[]): readonly Slice[] {
  const counts = before.map(({ from }, old): Slice => ({ from, old, count: 0 }));
  const raw = counts.length > 0 ? counts : [{ from: '', old: -1, count: 0 }];
  const filled: Slice[] = [];
  let at = 0;
  for (const [index, slice] of raw.entries()) {
    const next = raw[index + 1]?.from;
    const start = at;
    while (at < names.length && (next === undefined || (names[at] ?? '') < next)) {
      at += 1;
    }
    filled.push({ ...slice, count: at - start });
  }
  return split(merged(filled), names);
}

function merged(all: readonly Slice[]): readonly Slice[] {
  const kept: Slice[] = [];
  for (const slice of all) {
    const last = kept.at(-1);
    if (last && last.count + slice.count < MERGE_BELOW) {
      kept[kept.length - 1] = { ...last, count: last.count + slice.count };
    } else {
      kept.push(slice);
    }
  }
  return kept;
}

function split(all: readonly Slice[], names: readonly string[]): readonly Slice[] {
  const done: Slice[] = [];
  let at = 0;
  for (const { from, old, count } of all) {
    const parts = count > MAX_PAGE_CHILDREN ? Math.ceil(count / FILL) : 1;
    const each = Math.ceil(count / parts);
    for (let start = 0; start < count || start === 0; start += Math.max(each, 1)) {
      const isFirst = start === 0;
      done.push({
        from: isFirst ? from : (names[at + start] ?? ''),
        old: isFirst ? old : -1,
        count: Math.min(each, count - start),
      });
    }
    at += count;
  }
  return done;
}

function isSame(old: Page, now: Page): boolean {
  return (
    old.names.length === now.names.length &&
    old.names.every((name, index) => name === now.names[index]) &&
    old.children.every((child, index) => isSameChild(child, now.children[index]))
  );
}

/** What was read anew is another object, and often says the same. */
function isSameChild(a: Child, b: Child | undefined): boolean {
  return (
    a === b ||
    (b !== undefined &&
      a.kind === b.kind &&
      a.readCap === b.readCap &&
      a.writeCap === b.writeCap &&
      JSON.stringify(a.metadata) === JSON.stringify(b.metadata))
  );
}
