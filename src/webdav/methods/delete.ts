// DELETE: removes a file, or a collection with all that is in it.
import { FsError } from '../../base/errors.ts';
import { sendEmpty } from '../answers.ts';
import type { Exchange } from '../exchange.ts';
import { depthOf, guardOf, requireCollection, requireInfinity } from '../guards.ts';

/** `delete` is a word of the language. */
export async function remove(exchange: Exchange): Promise<void> {
  const path = exchange.writePath();
  depthOf(exchange);
  if (path.length === 0) {
    throw new FsError('denied', 'the root can not be deleted');
  }
  const guard = await guardOf(exchange);
  await exchange.parts.files.remove(path, {
    guard: (current) => {
      requireCollection(exchange.url, current);
      requireInfinity(exchange, current);
      guard(current);
    },
    signal: exchange.signal,
  });
  sendEmpty(exchange, 204);
}
