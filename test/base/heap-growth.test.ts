// In processes of their own, whose memory can be told.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

async function peakBytes(growth: 'grown' | 'by-itself'): Promise<number> {
  const path = fileURLToPath(new URL('./heap-growth-main.js', import.meta.url));
  return Number((await run(process.execPath, [path, growth])).stdout);
}

describe('letSmallHeapGrow', () => {
  test('takes little more memory where the heap itself is filled', async () => {
    const [grown, byItself] = [await peakBytes('grown'), await peakBytes('by-itself')];
    assert.ok(grown <= 1.25 * byItself, `${grown} and ${byItself} bytes`);
  });
});
