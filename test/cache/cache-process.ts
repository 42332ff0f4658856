// A process of its own that fills a block cache by several writers until the test kills it; says each tenth block.
import { BLOCK_BYTES } from '../../src/base/blocks.ts';
import { blockOf, makeCache } from './make-cache.ts';

const [folder, maxBytes] = process.argv.slice(2);
if (folder !== undefined) {
  const { cache } = await makeCache(folder, { maxBytes: Number(maxBytes) });
  let written = 0;
  const writers = Array.from({ length: 6 }, async (_, writer) => {
    for (let n = 0; ; n += 1) {
      const sizeBytes = n % 3 === 0 ? 1 + (n % 5_000) : 20 * BLOCK_BYTES;
      const content = cache.content(`content ${writer}/${Math.floor(n / 30)}/${sizeBytes}`, sizeBytes);
      const index = sizeBytes > BLOCK_BYTES ? n % 20 : 0;
      await content.write(index, blockOf(index, Math.min(BLOCK_BYTES, sizeBytes)));
      written += 1;
      if (written % 10 === 0) {
        console.log(written);
      }
    }
  });
  await Promise.all(writers);
}
