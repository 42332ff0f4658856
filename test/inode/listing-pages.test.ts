import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MAX_PAGE_CHILDREN, type Page, pagesOf } from '../../src/inode/listing-pages.ts';
import type { Child } from '../../src/tahoe/grid.ts';
import { makeChild, makeListing, nameOf, sorted, stepped, steps } from './make-listing.ts';

let ids = 0;
function newId(): string {
  ids += 1;
  return `page ${ids}`;
}

/** What must hold of any pages. */
function assertPages(pages: readonly Page[], children: ReadonlyMap<string, Child>): void {
  const held = pages.flatMap((page) => page.names.map((name, i) => [name, page.children[i]]));
  assert.deepEqual(held, sorted(children));
  assert.equal(pages[0]?.from, '');
  assert.equal(new Set(pages.map(({ id }) => id)).size, pages.length);
  for (const [index, page] of pages.entries()) {
    const next = pages[index + 1]?.from;
    assert.ok(page.names.length <= MAX_PAGE_CHILDREN);
    assert.equal(page.children.length, page.names.length);
    assert.ok(page.names.every((name) => name >= page.from && (next === undefined || name < next)));
    assert.ok(next === undefined || page.from < next);
  }
}

function fresh(pages: readonly Page[], before: readonly Page[]): readonly Page[] {
  const old = new Set(before.map(({ id }) => id));
  return pages.filter(({ id }) => !old.has(id));
}

describe('pagesOf', () => {
  test('cuts any listing, whatever came before, into sorted pages that cover it', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        let children = new Map<string, Child>();
        let pages: readonly Page[] = [];
        for (const step of all) {
          children = stepped(children, step);
          const before = pages;
          pages = await pagesOf(children, before, newId);
          assertPages(pages, children);
          for (const page of pages) {
            const old = before.find(({ id }) => id === page.id);
            assert.deepEqual(old ?? page, page); // an id stands for one content
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test('gives an empty listing one page', async () => {
    assertPages(await pagesOf(new Map(), [], newId), new Map());
  });

  test('keeps all pages of a listing that was read again and says the same', async () => {
    const before = await pagesOf(makeListing(1_000), [], newId);
    assert.deepEqual(fresh(await pagesOf(makeListing(1_000), before, newId), before), []);
  });

  const changes: ReadonlyArray<readonly [string, (children: Map<string, Child>) => unknown]> = [
    ['replaced', (children) => children.set(nameOf(5_000), makeChild(1, true))],
    ['added', (children) => children.set(`${nameOf(5_000)}a`, makeChild(1))],
    ['removed', (children) => children.delete(nameOf(5_000))],
    ['given another write cap', (children) => children.set(nameOf(5_001), makeChild(5_001, true))],
  ];
  for (const [what, change] of changes) {
    test(`makes one new page of 10,000 children of which one is ${what}`, async () => {
      const before = await pagesOf(makeListing(10_000), [], newId);
      const children = makeListing(10_000);
      change(children);
      const pages = await pagesOf(children, before, newId);
      assertPages(pages, children);
      assert.equal(fresh(pages, before).length, 1);
    });
  }

  test('makes few new pages however a listing grows, one child after the other', async () => {
    let pages: readonly Page[] = [];
    const children = new Map<string, Child>();
    for (let i = 0; i < 700; i += 1) {
      children.set(nameOf(i), makeChild(i));
      const before = pages;
      pages = await pagesOf(children, before, newId);
      assert.ok(fresh(pages, before).length <= 2);
    }
    assertPages(pages, children);
  });

  test('has few pages left when most children are gone', async () => {
    const children = makeListing(5_000);
    const before = await pagesOf(children, [], newId);
    const left = new Map([...children].filter((_, index) => index % 100 === 0));
    const pages = await pagesOf(left, before, newId);
    assertPages(pages, left);
    assert.ok(pages.length <= 2, `${pages.length} pages of ${left.size} children`);
  });
});
