import assert from 'node:assert/strict';
import { PassThrough, type Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { FsError, hasCode } from '../../src/base/errors.ts';
import { randomBytes } from '../../src/seal/random.ts';
import { FileStream } from '../../src/tahoe/file-stream.ts';
import { ManualClock } from '../fakes/manual-clock.ts';

const COMPLAINT = Buffer.from('problem during download\n');

function open(
  body: Readable,
  sizeBytes: number,
  clock = new ManualClock(),
  reopen?: (start: number, tries: number) => Promise<Readable>,
): FileStream {
  return new FileStream(body, { range: { start: 0, end: sizeBytes }, clock, reopen, maxTries: 2 });
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('FileStream', () => {
  test('gives the same bytes however they are cut', async () => {
    const bytes = randomBytes(500);
    for (const pieceLength of [1, 7, 23, 24, 25, 48, 499, 500]) {
      const body = new PassThrough();
      for (let start = 0; start < bytes.length; start += pieceLength) {
        body.write(bytes.subarray(start, start + pieceLength));
      }
      assert.ok((await buffer(open(body, bytes.length))).equals(bytes), `pieces of ${pieceLength}`);
    }
  });

  test('holds nothing back that can not be a complaint', async () => {
    const body = new PassThrough();
    const stream = open(body, 1000);
    for (const [piece, given] of [
      ['abc', 'abc'],
      ['problem!', 'problem!'],
      ['xprob', 'x'],
      ['lem', null],
      ['s, too', 'problems, too'],
    ] as const) {
      body.write(piece);
      stream.read(0);
      await settle();
      assert.equal((stream.read() as Buffer | null)?.toString() ?? null, given);
    }
  });

  test('gives up a second after a complaint, not before', async () => {
    const clock = new ManualClock();
    const body = new PassThrough();
    const stream = open(body, 1000, clock).on('data', () => undefined);
    const errors: unknown[] = [];
    stream.on('error', (error) => errors.push(error));
    body.write(Buffer.concat([Buffer.alloc(100), COMPLAINT]));
    await settle();
    await clock.advance(999);
    assert.deepEqual(errors, []);
    await clock.advance(1);
    await settle();
    assert.ok(hasCode(errors[0], 'unavailable'));
    assert.equal(body.destroyed, true);
  });

  test('does not take a slow reader of a file with such a text for a failing node', async () => {
    const clock = new ManualClock();
    const body = new PassThrough({ highWaterMark: 1 });
    const first = Buffer.concat([Buffer.alloc(300_000), COMPLAINT]);
    const stream = open(body, first.length + 10, clock);
    body.write(first);
    stream.read(0); // one turn; then the buffer is full and nobody reads
    await settle();
    await clock.advance(5_000);
    assert.equal(stream.destroyed, false);
    body.write(Buffer.alloc(10));
    const whole = buffer(stream);
    assert.equal((await whole).length, first.length + 10);
  });

  test('opens the rest from the first byte that is not sure', async () => {
    const begun = 'problem during d';
    const bytes = Buffer.from('x'.repeat(300 - begun.length) + begun + 'p'.repeat(684) + begun);
    const starts: number[] = [];
    const body = new PassThrough();
    const stream = open(body, 1000, new ManualClock(), async (start) => {
      starts.push(start);
      const next = new PassThrough();
      next.write(bytes.subarray(start, start + 300));
      if (start + 300 < 1000) {
        setImmediate(() => next.destroy(new FsError('unavailable', 'x')));
      }
      return next;
    });
    body.write(bytes.subarray(0, 300));
    setImmediate(() => body.destroy(new FsError('unavailable', 'x')));
    assert.ok((await buffer(stream)).equals(bytes));
    // The first break may have cut a complaint in two; a lone p may be the beginning of one.
    assert.deepEqual(starts, [284, 583, 882]);
  });

  test('gives up after so many tries without progress, and at once where no try can help', async () => {
    for (const [code, expected] of [
      ['unavailable', 2],
      ['corrupt', 1],
    ] as const) {
      let tries = 0;
      const body = new PassThrough();
      const stream = open(body, 1000, new ManualClock(), async (_start, nth) => {
        tries += 1;
        assert.equal(nth, tries);
        throw new FsError(code, 'x');
      });
      setImmediate(() => body.destroy(new FsError('unavailable', 'y')));
      await assert.rejects(buffer(stream), { code });
      assert.equal(tries, expected);
    }
  });

  test('is corrupt where more comes than was asked for', async () => {
    const body = new PassThrough();
    body.write(Buffer.alloc(11));
    await assert.rejects(buffer(open(body, 10)), { code: 'corrupt' });
  });

  test('ends a body that arrives after its reader has gone', async () => {
    const body = new PassThrough();
    const late = new PassThrough();
    let arrive: (next: Readable) => void = () => undefined;
    const reopened = new Promise<Readable>((resolve) => {
      arrive = resolve;
    });
    const stream = open(body, 1000, new ManualClock(), () => reopened);
    stream.resume();
    body.destroy(new FsError('unavailable', 'x'));
    await settle();
    stream.destroy();
    arrive(late);
    await settle();
    assert.equal(late.destroyed, true);
  });
});
