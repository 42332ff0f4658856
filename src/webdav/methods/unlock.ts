// UNLOCK: ends a lock, asked of anything that it covers (RFC 4918, 9.11).
import { FsError } from '../../base/errors.ts';
import { sendEmpty } from '../answers.ts';
import type { Exchange } from '../exchange.ts';
import { Refusal } from '../status.ts';

export async function unlock(exchange: Exchange): Promise<void> {
  const { files, locks } = exchange.parts;
  const token = lockToken(exchange);
  const lock = locks.standing.get(token);
  const covering =
    lock === undefined
      ? undefined
      : locks.standing.covering(await files.trace(exchange.readPath(), exchange.signal));
  if (lock === undefined || !covering?.has(lock)) {
    throw noSuchLock();
  }
  if (lock.principal !== (exchange.principal?.name ?? '')) {
    throw new FsError('denied', 'the lock is not yours');
  }
  if (!(await locks.release(lock))) {
    throw noSuchLock();
  }
  sendEmpty(exchange, 204);
}

function noSuchLock(): Refusal {
  return new Refusal(409, 'no lock of this token covers the resource', {
    condition: '<D:lock-token-matches-request-uri/>',
  });
}

/** Some clients of npm's webdav leave out the angle brackets. */
function lockToken(exchange: Exchange): string {
  const [, coded, bare] = /^(?:<([^<>\s]+)>|([^<>\s]+))$/.exec(exchange.header('lock-token') ?? '') ?? [];
  const token = coded ?? bare;
  if (token === undefined) {
    throw new FsError('bad-request', 'the lock-token header is missing or malformed');
  }
  return token;
}
