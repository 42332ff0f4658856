import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, test } from 'node:test';
import type { Output, Terminal } from '../../src/cli/output.ts';
import { Pace } from '../../src/cli/pace.ts';
import { startProgress } from '../../src/cli/progress.ts';
import { ManualClock } from '../fakes/manual-clock.ts';

const MIB = 2 ** 20;

/** A terminal that keeps its screen: knows the few sequences that the bar uses. */
class Screen extends Writable {
  readonly isTTY = true;
  columns = 100;
  text = '';
  #lines: string[] = [''];
  #column = 0;

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.text += piece.toString();
    const parts = piece.toString().match(/\u001b\[?\??\d*[A-Za-z0-9]|\r|\n|[^\u001b\r\n]+/g) ?? [];
    for (const part of parts) {
      this.#put(part);
    }
    done();
  }

  get lines(): readonly string[] {
    return this.#lines.map((line) => line.trimEnd());
  }

  #put(part: string): void {
    const line = this.#lines.at(-1) ?? '';
    if (part === '\n') {
      this.#lines.push('');
      this.#column = 0;
    } else if (part === '\r' || part === '\u001b[1G') {
      this.#column = 0;
    } else if (part === '\u001b[2K') {
      this.#lines[this.#lines.length - 1] = '';
    } else if (part === '\u001b[0K') {
      this.#lines[this.#lines.length - 1] = line.slice(0, this.#column);
    } else if (part.startsWith('\u001b')) {
      throw new Error(`the screen does not know ${JSON.stringify(part)}`);
    } else {
      this.#lines[this.#lines.length - 1] =
        line.slice(0, this.#column).padEnd(this.#column) + part + line.slice(this.#column + part.length);
      this.#column += part.length;
    }
  }
}

function outputOn(terminal: Terminal | undefined): Output & { readonly errors: string[] } {
  const errors: string[] = [];
  const complain = (text: string): void => {
    errors.push(text);
    terminal?.write(`${text}\n`);
  };
  return { line: () => {}, complain, log: () => {}, terminal, screen: undefined, isRead: () => true, errors };
}

const state = { totalBytes: 100 * MIB, isCounting: false, note: '1 of 4 files' };

describe('startProgress', () => {
  test('draws one line on a terminal: bar, bytes, rate and time left', async () => {
    const screen = new Screen();
    const clock = new ManualClock();
    {
      using progress = startProgress('fetched', outputOn(screen), clock);
      progress.show({ ...state, doneBytes: 0 });
      await clock.advance(1_000);
      progress.show({ ...state, doneBytes: 25 * MIB });
    }
    const bar = `[${'='.repeat(6)}${'-'.repeat(18)}]`;
    assert.deepEqual(screen.lines, [
      `fetched ${bar} 25%, 25.0 MiB of 100.0 MiB, 1 of 4 files, 25.0 MiB/s, 3 s left`.slice(0, 100),
      '',
    ]);
  });

  test('keeps the lines that are said, above the bar', async () => {
    const screen = new Screen();
    const clock = new ManualClock();
    {
      using progress = startProgress('fetched', outputOn(screen), clock);
      progress.show({ ...state, doneBytes: 50 * MIB });
      progress.say('/a: not enough shares');
      progress.say('/b: not enough shares');
      progress.show({ ...state, doneBytes: 100 * MIB, note: '' });
    }
    assert.deepEqual(screen.lines, [
      '/a: not enough shares',
      '/b: not enough shares',
      `fetched [${'='.repeat(24)}] 100%, 100.0 MiB of 100.0 MiB`,
      '',
    ]);
    assert.ok(!/\u001b[78]/.test(screen.text), 'it goes back to no saved place');
  });

  test('leaves the bar away where the terminal is narrow, and never wraps', () => {
    const screen = new Screen();
    screen.columns = 40;
    {
      using progress = startProgress('fetched', outputOn(screen), new ManualClock());
      progress.show({ ...state, doneBytes: 50 * MIB });
    }
    assert.deepEqual(screen.lines, ['fetched 50%, 50.0 MiB of 100.0 MiB, 1 of', '']);
  });

  test('says that the total still grows, and no time then', async () => {
    const output = outputOn(undefined);
    const clock = new ManualClock();
    using progress = startProgress('fetched', output, clock);
    progress.show({ ...state, doneBytes: 0, isCounting: true });
    await clock.advance(5_000);
    progress.show({ ...state, doneBytes: 10 * MIB, isCounting: true });
    assert.deepEqual(output.errors, ['fetched 10.0 MiB of at least 100.0 MiB, 1 of 4 files, 2.0 MiB/s']);
  });

  test('prints a line every five seconds where there is no terminal', async () => {
    const output = outputOn(undefined);
    const clock = new ManualClock();
    {
      using progress = startProgress('checked', output, clock);
      for (let second = 0; second <= 11; second += 1) {
        progress.show({ ...state, doneBytes: second * MIB, note: '' });
        await clock.advance(1_000);
      }
      progress.say('/a: bad');
    }
    assert.deepEqual(output.errors, [
      'checked 5%, 5.0 MiB of 100.0 MiB, 1.0 MiB/s, 1 min 35 s left',
      'checked 10%, 10.0 MiB of 100.0 MiB, 1.0 MiB/s, 1 min 30 s left',
      '/a: bad',
    ]);
  });
});

describe('Pace', () => {
  test('knows nothing at first, and no end where nothing moves', () => {
    const pace = new Pace();
    assert.deepEqual([pace.bytesPerSecond, pace.leftMs(10)], [undefined, undefined]);
    pace.add(0, 100);
    assert.deepEqual([pace.bytesPerSecond, pace.leftMs(10)], [undefined, undefined]);
    pace.add(1_000, 100);
    assert.deepEqual([pace.bytesPerSecond, pace.leftMs(10)], [0, undefined]);
  });

  test('tells the same of many small steps as of few', () => {
    const pace = new Pace();
    for (let ms = 0; ms <= 10_000; ms += 1) {
      pace.add(ms, ms * 7);
    }
    assert.equal(pace.bytesPerSecond, 7_000);
  });

  test('forgets how fast it was long ago', () => {
    const pace = new Pace();
    pace.add(0, 0);
    pace.add(1_000, 1_000_000);
    for (let second = 2; second <= 30; second += 1) {
      pace.add(second * 1_000, 1_000_000 + second * 10);
    }
    assert.equal(pace.bytesPerSecond, 10);
    assert.equal(pace.leftMs(100), 10_000);
  });
});
