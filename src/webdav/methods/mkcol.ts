// MKCOL: makes an empty collection.
import { FsError, hasCode } from '../../base/errors.ts';
import { sendEmpty } from '../answers.ts';
import type { Exchange } from '../exchange.ts';
import { beginChange, guardOf } from '../guards.ts';
import { hasBody } from '../request-body.ts';
import { Refusal } from '../status.ts';

export async function mkcol(exchange: Exchange): Promise<void> {
  const path = exchange.writePath();
  const guard = await guardOf(exchange);
  if (await hasBody(exchange)) {
    throw new Refusal(415, 'a collection is made without a body');
  }
  using change = await beginChange(exchange, [{ path, fate: 'written' }]);
  try {
    if (path.length === 0) {
      throw new FsError('exists', 'the root is there');
    }
    await exchange.parts.files.makeDirectory(path, {
      guard: (current) => {
        guard(current);
        change.check(current === undefined);
      },
      lastWord: change.admit,
      signal: exchange.signal,
    });
  } catch (error) {
    // Joplin and rclone take 405 for "it is there already" (RFC 4918, 9.3.1).
    throw hasCode(error, 'exists')
      ? new Refusal(405, 'something of this name is there already', { cause: error })
      : error;
  }
  sendEmpty(exchange, 201);
}
