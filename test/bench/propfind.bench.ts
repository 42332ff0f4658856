// How long a PROPFIND of depth 1 takes by number of entries, and for how long it keeps the event loop from others.
//   npm run build && node build/test/bench/propfind.bench.js
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { MemoryTree } from '../fakes/memory-tree.ts';
import { startServer } from '../webdav/test-server.ts';

const RCLONE_BODY = `<?xml version="1.0"?><d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop>
<d:displayname/><d:getlastmodified/><d:getcontentlength/><d:resourcetype/><d:getcontenttype/><oc:checksums/><oc:permissions/>
</d:prop></d:propfind>`;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

let base = Number.NaN;
for (const entries of [1000, 10_000]) {
  const tree = new MemoryTree();
  for (let index = 0; index < entries; index += 1) {
    tree.addFile([`picture number ${index}.jpeg`], 'x');
  }
  await using server = await startServer({ tree });
  for (const [what, body] of [
    ['allprop', ''],
    ['as rclone asks', RCLONE_BODY],
  ] as const) {
    const times: number[] = [];
    let bytes = 0;
    const delay = monitorEventLoopDelay({ resolution: 1 });
    for (let run = 0; run < 12; run += 1) {
      const start = performance.now();
      const message = await server.start('PROPFIND', '/', { headers: { depth: '1' }, body });
      bytes = 0;
      for await (const piece of message) {
        bytes += (piece as Buffer).length;
      }
      if (run >= 2) {
        times.push(performance.now() - start);
      } else if (run === 1) {
        delay.enable(); // after the code is warm
      }
    }
    delay.disable();
    const ms = median(times);
    base = entries === 1000 && body === '' ? ms : base;
    const lag = `event loop late by at most ${(delay.max / 1e6).toFixed(1)} ms, p99.9 ${(delay.percentile(99.9) / 1e6).toFixed(1)} ms`;
    console.log(
      `${entries} entries, ${what}: ${ms.toFixed(1)} ms, ${(ms / base).toFixed(1)} times 1,000 by allprop, ${(bytes / 1024).toFixed(0)} KiB; ${lag}`,
    );
  }
}
