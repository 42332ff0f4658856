// DELETE: removes a file, or a collection with all that is in it.
import { FsError, hasCode } from '../../base/errors.ts';
import { sendEmpty } from '../answers.ts';
import type { Exchange } from '../exchange.ts';
import { beginChange, depthOf, dropLocks, guardOf, requireCollection, requireInfinity } from '../guards.ts';

/** `delete` is a word of the language. */
export async function remove(exchange: Exchange): Promise<void> {
  const path = exchange.writePath();
  depthOf(exchange);
  if (path.length === 0) {
    throw new FsError('denied', 'the root can not be deleted');
  }
  const guard = await guardOf(exchange);
  using change = await beginChange(exchange, [{ path, fate: 'vacated' }]);
  try {
    await exchange.parts.files.remove(path, {
      guard: (current) => {
        requireCollection(exchange.url, current);
        requireInfinity(exchange, current);
        guard(current);
        change.check(false);
      },
      lastWord: change.admit,
      signal: exchange.signal,
    });
  } catch (error) {
    // 409 is for what is to be made. Who cleans up (rclone, Zotero) takes 404 for done, and nothing else.
    throw hasCode(error, 'parent-missing')
      ? new FsError('not-found', error.message, { cause: error })
      : error;
  }
  await dropLocks(exchange, change);
  sendEmpty(exchange, 204);
}
