// What every Grid does, whatever is behind it. Run against the fake, the wrappers, the embedded gateway and a real node.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, type TestContext, test } from 'node:test';
import { randomBytes, randomId } from '../../src/seal/random.ts';
import { aesCtr } from '../../src/seal/stream-cipher.ts';
import {
  chkText,
  identityOf,
  LIT_MAX_BYTES,
  litCapOf,
  mutableText,
  parseCap,
  readOnlyText,
} from '../../src/tahoe/caps.ts';
import type { Child, ChildLink, EdgeMetadata, Grid, UploadBody } from '../../src/tahoe/grid.ts';

/** A grid under test, and what only foreign software does with it. */
export interface GridUnderTest extends AsyncDisposable {
  readonly grid: Grid;
  /** The write cap of a new mutable file; undefined where none can be made. */
  readonly makeMutableFile: ((bytes: Buffer) => Promise<string>) | undefined;
  /** The cap of a new immutable directory; undefined where none can be made. */
  readonly makeImmutableDirectory:
    | ((children: ReadonlyMap<string, ChildLink>) => Promise<string>)
    | undefined;
}

const SEGMENT_BYTES = 1024 * 1024;

const goneFile = chkText({
  readKey: Buffer.alloc(16, 1),
  uebHash: Buffer.alloc(32, 2),
  needed: 1,
  total: 1,
  sizeBytes: 100,
});
const goneDir = mutableText({
  isDirectory: true,
  format: 'SDMF',
  isWritable: true,
  key: Buffer.alloc(16, 3),
  fingerprint: Buffer.alloc(32, 4),
});
const futureCap = 'URI:FUTURE:abc';

function fileLink(cap: string, metadata: EdgeMetadata = {}): ChildLink {
  return { kind: 'file', writeCap: undefined, readCap: cap, metadata };
}

function dirLink(writeCap: string): ChildLink {
  return { kind: 'directory', writeCap, readCap: readOnlyText(parseCap(writeCap)), metadata: {} };
}

const small = (text: string): ChildLink => fileLink(litCapOf(Buffer.from(text)));

/** Bytes without a pattern, the same each time. */
function bytesOf(sizeBytes: number): Buffer {
  return aesCtr(Buffer.alloc(16, sizeBytes), Buffer.alloc(sizeBytes));
}

/** In pieces that divide nothing. */
function streamOf(bytes: Buffer, sizeBytes: number | undefined = bytes.length): UploadBody {
  const pieces: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += 77_777) {
    pieces.push(bytes.subarray(start, start + 77_777));
  }
  return { stream: Readable.from(pieces, { objectMode: false }), sizeBytes };
}

/** A body that gives some bytes and then fails with `error`. */
function failingStream(bytes: Buffer, error: Error): Readable {
  return Readable.from(
    (async function* () {
      yield bytes;
      await Promise.resolve();
      throw error;
    })(),
    { objectMode: false },
  );
}

async function readAll(grid: Grid, cap: string, start: number, end: number): Promise<Buffer> {
  return buffer(await grid.read(cap, { start, end }));
}

/** A child without what the node adds. */
function userMetadata(child: Child | undefined): EdgeMetadata {
  const { tahoe: _tahoe, ...rest } = child?.metadata ?? {};
  return rest;
}

function linkTimes(child: Child | undefined): { linkcrtime: number; linkmotime: number } {
  return child?.metadata['tahoe'] as { linkcrtime: number; linkmotime: number };
}

export function gridContract(
  name: string,
  make: () => Promise<GridUnderTest>,
  options: { skip?: string | false } = {},
): void {
  describe(`Grid: ${name}`, { skip: options.skip ?? false }, () => {
    let under: GridUnderTest;
    let grid: Grid;
    before(async () => {
      under = await make();
      grid = under.grid;
    });
    after(() => under?.[Symbol.asyncDispose]());

    const emptyDir = (): Promise<string> => grid.makeDirectory(new Map());

    describe('upload and read', () => {
      const sizes = [
        0,
        1,
        LIT_MAX_BYTES,
        LIT_MAX_BYTES + 1,
        4096,
        131_071,
        131_073,
        SEGMENT_BYTES - 1,
        SEGMENT_BYTES,
        SEGMENT_BYTES + 1,
        2 * SEGMENT_BYTES + 500,
      ];
      for (const sizeBytes of sizes) {
        test(`gives back ${sizeBytes} bytes, and their size in the cap`, async () => {
          const bytes = bytesOf(sizeBytes);
          const cap = await grid.upload(streamOf(bytes));
          const parsed = parseCap(cap);
          assert.equal(parsed.kind, sizeBytes <= LIT_MAX_BYTES ? 'lit' : 'chk');
          assert.ok('sizeBytes' in parsed && parsed.sizeBytes === sizeBytes);
          assert.deepEqual(await readAll(grid, cap, 0, sizeBytes), bytes);
        });
      }

      test('gives the same bytes the same cap, however they come', async () => {
        const bytes = bytesOf(300_000);
        const caps = [
          await grid.upload({ bytes }),
          await grid.upload(streamOf(bytes)),
          await grid.upload({ ...streamOf(bytes), sizeBytes: undefined } as UploadBody),
        ];
        assert.equal(new Set(caps).size, 1);
      });

      test('reads ranges around every edge', async () => {
        const size = 2 * SEGMENT_BYTES + 500;
        const bytes = bytesOf(size);
        const cap = await grid.upload({ bytes });
        const edges = [0, 1, 131_072, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, size - 1, size];
        for (const start of edges) {
          for (const end of edges.filter((edge) => edge >= start)) {
            const got = await readAll(grid, cap, start, end);
            assert.ok(got.equals(bytes.subarray(start, end)), `${start} to ${end}`);
          }
        }
      });

      test('reads ranges of a file that is its own cap', async () => {
        const cap = await grid.upload({ bytes: Buffer.from('hello world') });
        assert.equal((await readAll(grid, cap, 6, 11)).toString(), 'world');
        assert.equal((await readAll(grid, cap, 11, 11)).length, 0);
      });

      test('gives up a read that its caller destroys, and serves the next', async () => {
        const bytes = bytesOf(2 * SEGMENT_BYTES + 500);
        const cap = await grid.upload({ bytes });
        for (let i = 0; i < 12; i += 1) {
          const stream = await grid.read(cap, { start: 0, end: bytes.length });
          for await (const _ of stream) {
            break;
          }
          assert.equal(stream.destroyed, true);
        }
        assert.ok((await readAll(grid, cap, 0, bytes.length)).equals(bytes));
      });

      test('fails with the error of the stream it is given', async () => {
        const error = new Error('the client went away');
        for (const sizeBytes of [undefined, 200_000]) {
          const stream = failingStream(bytesOf(100_000), error);
          await assert.rejects(grid.upload({ stream, sizeBytes }), error);
          assert.equal(stream.destroyed, true);
        }
      });

      for (const [what, sizeBytes] of [
        ['short', 100_001],
        ['long', 99_999],
        ['short for a cap', 40],
        ['long for a cap', 10],
      ] as const) {
        test(`refuses a body that is too ${what}`, async () => {
          const bytes = sizeBytes > 100 ? bytesOf(100_000) : bytesOf(20);
          await assert.rejects(grid.upload(streamOf(bytes, sizeBytes)), { code: 'bad-request' });
        });
      }

      test('rejects a read of what has no shares before the first byte', async () => {
        await assert.rejects(grid.read(goneFile, { start: 0, end: 100 }), { code: 'unavailable' });
      });

      test('rejects a read of what is no file', async () => {
        const dir = await emptyDir();
        for (const cap of [dir, futureCap, 'nonsense']) {
          await assert.rejects(grid.read(cap, { start: 0, end: 1 }), { code: 'bad-cap' });
        }
      });
    });

    describe('directories', () => {
      test('starts with the children it is given', async () => {
        const cap = await grid.upload({ bytes: bytesOf(1000) });
        const sub = await emptyDir();
        const dir = await grid.makeDirectory(
          new Map<string, ChildLink>([
            ['file', fileLink(cap, { tw: { a: [1, 'ä', null] } })],
            ['sub', dirLink(sub)],
            ['tiny', small('tiny')],
          ]),
        );
        const listing = await grid.list(dir);
        assert.equal(listing.writeCap, dir);
        assert.equal(listing.readCap, readOnlyText(parseCap(dir)));
        assert.deepEqual([...listing.children.keys()], ['file', 'sub', 'tiny']);
        const file = listing.children.get('file');
        assert.equal(file?.kind, 'file');
        assert.equal(file?.readCap, cap);
        assert.equal(file?.writeCap, undefined);
        assert.deepEqual(userMetadata(file), { tw: { a: [1, 'ä', null] } });
        assert.equal(typeof linkTimes(file).linkcrtime, 'number');
        assert.equal(listing.children.get('sub')?.kind, 'directory');
        assert.equal(listing.children.get('sub')?.writeCap, sub);
      });

      test('shows no write caps to who comes by the read cap', async () => {
        const sub = await emptyDir();
        const dir = await grid.makeDirectory(new Map([['sub', dirLink(sub)]]));
        const listing = await grid.list(readOnlyText(parseCap(dir)));
        assert.equal(listing.writeCap, undefined);
        assert.equal(listing.children.get('sub')?.writeCap, undefined);
        assert.equal(listing.children.get('sub')?.readCap, readOnlyText(parseCap(sub)));
      });

      test('links, replaces and unlinks', async () => {
        const dir = await emptyDir();
        await grid.setChildren(dir, new Map([['a', small('one')]]), false);
        await grid.setChildren(
          dir,
          new Map([
            ['a', small('two')],
            ['b', small('three')],
          ]),
          true,
        );
        assert.equal((await grid.list(dir)).children.get('a')?.readCap, litCapOf(Buffer.from('two')));
        assert.equal(await grid.unlink(dir, 'a'), true);
        assert.equal(await grid.unlink(dir, 'a'), false);
        assert.deepEqual([...(await grid.list(dir)).children.keys()], ['b']);
      });

      test('writes nothing where one of the names is taken and must not be replaced', async () => {
        const dir = await grid.makeDirectory(new Map([['taken', small('old')]]));
        const links = new Map([
          ['free', small('new')],
          ['taken', small('new')],
        ]);
        await assert.rejects(grid.setChildren(dir, links, false), { code: 'exists' });
        const { children } = await grid.list(dir);
        assert.deepEqual([...children.keys()], ['taken']);
        assert.equal(children.get('taken')?.readCap, litCapOf(Buffer.from('old')));
      });

      test('replaces all metadata but the time of the first link', async () => {
        const dir = await emptyDir();
        const cap = litCapOf(Buffer.from('x'));
        await grid.setChildren(dir, new Map([['f', fileLink(cap, { a: 1, b: 2 })]]), true);
        const first = (await grid.list(dir)).children.get('f');
        await grid.setChildren(
          dir,
          new Map([['f', fileLink(cap, { c: 1e300, tahoe: { linkcrtime: 1 } })]]),
          true,
        );
        const second = (await grid.list(dir)).children.get('f');
        assert.deepEqual(userMetadata(second), { c: 1e300 });
        assert.equal(linkTimes(second).linkcrtime, linkTimes(first).linkcrtime);
        assert.ok(linkTimes(second).linkmotime >= linkTimes(first).linkmotime);
      });

      test('makes times for the children of a new directory, whatever it is told', async () => {
        const link = fileLink(litCapOf(Buffer.from('x')), { tahoe: { linkcrtime: 1 } });
        const dir = await grid.makeDirectory(new Map([['f', link]]));
        assert.ok(linkTimes((await grid.list(dir)).children.get('f')).linkcrtime > 1_000_000);
      });

      const oddNames = [
        '',
        '.',
        '..',
        'a/b',
        'a\\b',
        ' blank ',
        'new\nline',
        'nul\0',
        '%2e%2e',
        'a+b&c=d?e#f',
        '"quoted"',
        '7',
        '10',
        '__proto__',
        'constructor',
        'ünï',
        '😀',
        '\uffff',
        'x'.repeat(20_000),
      ];
      test('keeps any name, in the order of code points, and unlinks it again', async () => {
        const dir = await emptyDir();
        await grid.setChildren(dir, new Map(oddNames.map((odd, i) => [odd, small(String(i))])), false);
        const { children } = await grid.list(dir);
        assert.deepEqual(new Set(children.keys()), new Set(oddNames));
        const inOrder = [...oddNames].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        assert.deepEqual([...children.keys()], inOrder);
        oddNames.forEach((odd, i) => {
          assert.equal(
            children.get(odd)?.readCap,
            litCapOf(Buffer.from(String(i))),
            JSON.stringify(odd.slice(0, 20)),
          );
        });
        for (const odd of oddNames) {
          assert.equal(await grid.unlink(dir, odd), true, JSON.stringify(odd.slice(0, 20)));
        }
        assert.equal((await grid.list(dir)).children.size, 0);
      });

      test('knows names in their composed form only', async () => {
        const composed = 'caf\u00e9';
        const decomposed = 'cafe\u0301';
        const dir = await grid.makeDirectory(new Map([[decomposed, small('1')]]));
        assert.deepEqual([...(await grid.list(dir)).children.keys()], [composed]);
        await assert.rejects(grid.setChildren(dir, new Map([[decomposed, small('2')]]), false), {
          code: 'exists',
        });
        assert.equal(await grid.unlink(dir, decomposed), true);
      });

      test('refuses a name that is no text, and writes nothing', async () => {
        const dir = await emptyDir();
        const links = new Map([
          ['good', small('1')],
          ['bad \ud800', small('2')],
        ]);
        await assert.rejects(grid.setChildren(dir, links, true), { code: 'bad-path' });
        assert.equal((await grid.list(dir)).children.size, 0);
      });

      test('keeps children of kinds it does not know', async () => {
        const unknown = (writeCap: string | undefined, readCap: string | undefined): ChildLink => ({
          kind: 'unknown',
          writeCap,
          readCap,
          metadata: {},
        });
        const dir = await emptyDir();
        const links = new Map([
          ['both', unknown('URI:FUTURE:w', 'ro.URI:FUTURE:r')],
          ['none', unknown(undefined, undefined)],
          ['read', unknown(undefined, 'ro.URI:FUTURE:r')],
        ]);
        await grid.setChildren(dir, links, true);
        const { children } = await grid.list(dir);
        for (const [key, link] of links) {
          const { kind, writeCap, readCap } = children.get(key) ?? {};
          assert.deepEqual(
            { kind, writeCap, readCap },
            { kind: 'unknown', writeCap: link.writeCap, readCap: link.readCap },
          );
        }
        await assert.rejects(
          grid.setChildren(dir, new Map([['w', unknown('URI:FUTURE:w', undefined)]]), true),
          {
            code: 'bad-cap',
          },
        );
        assert.equal(await grid.unlink(dir, 'none'), true);
      });

      test('never links for writing what was given for reading', async () => {
        const sub = await emptyDir();
        const link: ChildLink = { kind: 'directory', writeCap: undefined, readCap: sub, metadata: {} };
        const dir = await grid.makeDirectory(new Map([['sub', link]]));
        await grid.setChildren(dir, new Map([['again', link]]), true);
        for (const child of (await grid.list(dir)).children.values()) {
          assert.equal(child.writeCap, undefined);
          assert.equal(child.readCap, readOnlyText(parseCap(sub)));
        }
      });

      test('refuses writes by a read cap', async () => {
        const dir = await grid.makeDirectory(new Map([['a', small('1')]]));
        const readCap = readOnlyText(parseCap(dir));
        await assert.rejects(grid.setChildren(readCap, new Map([['b', small('2')]]), true), {
          code: 'read-only',
        });
        await assert.rejects(grid.unlink(readCap, 'a'), { code: 'read-only' });
        assert.deepEqual([...(await grid.list(dir)).children.keys()], ['a']);
      });

      test('refuses caps that are no directories', async () => {
        const file = await grid.upload({ bytes: bytesOf(100) });
        for (const cap of [file, litCapOf(Buffer.from('x')), futureCap, 'nonsense', '']) {
          await assert.rejects(grid.list(cap), { code: 'bad-cap' });
          await assert.rejects(grid.setChildren(cap, new Map([['a', small('1')]]), true), {
            code: 'bad-cap',
          });
          await assert.rejects(grid.unlink(cap, 'a'), { code: 'bad-cap' });
        }
      });

      test('says unavailable of a directory without shares', async () => {
        await assert.rejects(grid.list(goneDir), { code: 'unavailable' });
        await assert.rejects(grid.setChildren(goneDir, new Map([['a', small('1')]]), true), {
          code: 'unavailable',
        });
        await assert.rejects(grid.unlink(goneDir, 'a'), { code: 'unavailable' });
      });

      test('loses nothing of many writes at once', async () => {
        const dir = await emptyDir();
        const names = Array.from({ length: 20 }, (_, i) => `f${i}`);
        await Promise.all(names.map((each) => grid.setChildren(dir, new Map([[each, small(each)]]), false)));
        assert.deepEqual(new Set((await grid.list(dir)).children.keys()), new Set(names));
      });

      test('lets one of many that create the same name succeed', async () => {
        const dir = await emptyDir();
        const tries = Array.from({ length: 8 }, (_, i) =>
          grid.setChildren(dir, new Map([['f', small(`${i}`)]]), false),
        );
        const results = await Promise.allSettled(tries);
        assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
        for (const result of results) {
          assert.ok(result.status === 'fulfilled' || result.reason.code === 'exists');
        }
      });

      test('lists 1,000 children', async () => {
        const links = new Map(
          Array.from({ length: 1000 }, (_, i) => [
            `name ${String(i).padStart(4, '0')}`,
            fileLink(litCapOf(Buffer.from(`content ${i}`)), { tw: { s: randomId() } }),
          ]),
        );
        const dir = await grid.makeDirectory(links);
        const { children } = await grid.list(dir);
        assert.deepEqual([...children.keys()], [...links.keys()]);
        for (const [key, link] of links) {
          assert.equal(children.get(key)?.readCap, link.readCap);
          assert.deepEqual(userMetadata(children.get(key)), link.metadata);
        }
      });

      test('reads an immutable directory and refuses to change it', async (t) => {
        if (!under.makeImmutableDirectory) {
          t.skip('no immutable directories can be made here');
          return;
        }
        const file = await grid.upload({ bytes: bytesOf(100) });
        const cap = await under.makeImmutableDirectory(new Map([['f', fileLink(file)]]));
        const listing = await grid.list(cap);
        assert.equal(listing.readCap, cap);
        assert.equal(listing.writeCap, undefined);
        assert.equal(listing.children.get('f')?.readCap, file);
        await assert.rejects(grid.setChildren(cap, new Map([['b', small('2')]]), true), {
          code: 'read-only',
        });
        await assert.rejects(grid.unlink(cap, 'f'), { code: 'read-only' });
      });
    });

    describe('check', () => {
      test('changes its one version with each write, by the read cap too', async () => {
        const dir = await emptyDir();
        const before = await grid.check(dir);
        assert.equal(before.versions.length, 1);
        assert.match(before.versions[0] ?? '', /^seq\d+-.+$/);
        assert.deepEqual(await grid.check(readOnlyText(parseCap(dir))), before);
        await grid.setChildren(dir, new Map([['a', small('1')]]), true);
        const after = await grid.check(dir);
        assert.notDeepEqual(after.versions, before.versions);
        const number = (label: string | undefined): number => Number(/^seq(\d+)-/.exec(label ?? '')?.[1]);
        assert.equal(number(after.versions[0]), number(before.versions[0]) + 1);
        assert.equal(after.isRecoverable, true);
      });

      test('knows what is there and what is not', async () => {
        const file = await grid.upload({ bytes: bytesOf(5000) });
        assert.deepEqual(await grid.check(file), { versions: [], isHealthy: true, isRecoverable: true });
        assert.deepEqual(await grid.check(litCapOf(Buffer.from('x'))), {
          versions: [],
          isHealthy: true,
          isRecoverable: true,
        });
        for (const gone of [goneFile, goneDir]) {
          assert.deepEqual(await grid.check(gone), { versions: [], isHealthy: false, isRecoverable: false });
        }
        await assert.rejects(grid.check(futureCap), { code: 'bad-cap' });
      });
    });

    describe('mutable files', () => {
      const withFile = (bytes: Buffer, run: (writeCap: string) => Promise<void>) => {
        return async (t: TestContext): Promise<void> => {
          if (!under.makeMutableFile) {
            t.skip('no mutable files can be made here');
            return;
          }
          await run(await under.makeMutableFile(bytes));
        };
      };

      test(
        'are read by their read cap, and keep their cap when overwritten',
        withFile(Buffer.from('first version'), async (writeCap) => {
          const readCap = readOnlyText(parseCap(writeCap));
          assert.equal(await grid.mutableSize(readCap), 13);
          assert.equal((await readAll(grid, readCap, 6, 13)).toString(), 'version');
          const label = (await grid.check(readCap)).versions;
          await grid.overwrite(writeCap, { bytes: Buffer.from('second') });
          assert.equal(await grid.mutableSize(readCap), 6);
          assert.equal((await readAll(grid, writeCap, 0, 6)).toString(), 'second');
          assert.notDeepEqual((await grid.check(readCap)).versions, label);
          await grid.overwrite(writeCap, streamOf(Buffer.alloc(0)));
          assert.equal(await grid.mutableSize(readCap), 0);
        }),
      );

      test(
        'refuse a write by their read cap, and a body that is short, and stay as they were',
        withFile(Buffer.from('content'), async (writeCap) => {
          const readCap = readOnlyText(parseCap(writeCap));
          await assert.rejects(grid.overwrite(readCap, { bytes: Buffer.from('x') }), { code: 'read-only' });
          await assert.rejects(grid.overwrite(writeCap, streamOf(bytesOf(100), 200)), {
            code: 'bad-request',
          });
          assert.equal((await readAll(grid, readCap, 0, 7)).toString(), 'content');
        }),
      );

      test(
        'can shrink under their readers, who are told',
        withFile(Buffer.from('content'), async (writeCap) => {
          await assert.rejects(grid.read(writeCap, { start: 0, end: 8 }), { code: 'conflict' });
          await assert.rejects(grid.read(writeCap, { start: 7, end: 9 }), { code: 'conflict' });
          assert.equal((await readAll(grid, writeCap, 0, 6)).toString(), 'conten');
        }),
      );

      test(
        'are linked by both caps',
        withFile(Buffer.from('content'), async (writeCap) => {
          const readCap = readOnlyText(parseCap(writeCap));
          const dir = await grid.makeDirectory(
            new Map([['m', { kind: 'file', writeCap, readCap, metadata: {} }]]),
          );
          const child = (await grid.list(dir)).children.get('m');
          assert.equal(child?.kind, 'file');
          assert.equal(child?.writeCap, writeCap);
          assert.equal(child?.readCap, readCap);
          assert.equal(identityOf(parseCap(writeCap)), identityOf(parseCap(readCap)));
        }),
      );

      test('are not what other caps are', async () => {
        const dir = await emptyDir();
        await assert.rejects(grid.overwrite(dir, { bytes: Buffer.from('x') }), { code: 'bad-cap' });
        await assert.rejects(grid.overwrite(goneFile, { bytes: Buffer.from('x') }), { code: 'read-only' });
        await assert.rejects(grid.overwrite('nonsense', { bytes: Buffer.from('x') }), { code: 'bad-cap' });
        await assert.rejects(grid.mutableSize(goneFile), { code: 'bad-cap' });
        await assert.rejects(grid.mutableSize(dir), { code: 'bad-cap' });
      });
    });

    test('tells of its servers', async () => {
      const space = await grid.space();
      assert.ok(space.connectedServers >= 1);
      assert.ok(space.availableBytes === undefined || space.availableBytes > 0);
    });

    test('does nothing for who went away before', async () => {
      const signal = AbortSignal.abort();
      const dir = await emptyDir();
      const cap = await grid.upload({ bytes: randomBytes(100) });
      const calls: ReadonlyArray<Promise<unknown>> = [
        grid.read(cap, { start: 0, end: 100 }, signal),
        grid.upload({ bytes: randomBytes(100) }, signal),
        grid.list(dir, signal),
        grid.check(dir, signal),
        grid.makeDirectory(new Map(), signal),
        grid.setChildren(dir, new Map([['a', small('1')]]), true, signal),
        grid.unlink(dir, 'a', signal),
        grid.space(signal),
      ];
      for (const call of calls) {
        await assert.rejects(call, { code: 'aborted', outcomeUnknown: false });
      }
      assert.equal((await grid.list(dir)).children.size, 0);
    });
  });
}
