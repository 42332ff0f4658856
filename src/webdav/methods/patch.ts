// PATCH: a part of a file, as sabre/dav's http-patch has it (https://sabre.io/dav/http-patch/).
import { FsError } from '../../base/errors.ts';
import type { Resource } from '../../inode/tree.ts';
import type { Exchange } from '../exchange.ts';
import { updateRangePart } from '../part.ts';
import { recalculateHash } from '../recalculate-hash.ts';
import { Refusal } from '../status.ts';
import { storeBody } from '../store-body.ts';

export const PARTIAL_UPDATE_TYPE = 'application/x-sabredav-partialupdate';
/** Among the compliance classes: by it clients know that they may send a PATCH. */
export const PARTIAL_UPDATE_CLASS = 'sabredav-partialupdate';

export async function patch(exchange: Exchange): Promise<void> {
  if (exchange.url.isCollection) {
    throw new FsError('is-directory', 'a collection can not be written to');
  }
  const asked = exchange.header('x-recalculate-hash');
  if (asked !== undefined) {
    await recalculateHash(exchange, asked);
    return;
  }
  const path = exchange.writePath();
  const type = exchange.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== PARTIAL_UPDATE_TYPE) {
    throw new Refusal(415, `a patch has to be of the type ${PARTIAL_UPDATE_TYPE}`, {
      headers: { 'Accept-Patch': PARTIAL_UPDATE_TYPE },
    });
  }
  const part = updateRangePart(exchange.header('x-update-range') ?? '');
  const announced = exchange.header('content-length');
  if (announced === undefined) {
    throw new Refusal(411, 'a patch has to say how long it is by content-length');
  }
  const expectedBytes = Number(announced);
  if (part.lengthBytes !== undefined && part.lengthBytes !== expectedBytes) {
    throw new Refusal(416, 'the body has not the length of the range that it is to fill');
  }
  await storeBody(exchange, path, { expectedBytes, partStart: part.startIn, mayReplace: requireFile });
}

function requireFile(current: Resource | undefined): void {
  if (current === undefined) {
    throw new FsError('not-found', 'there is no file of this name, of which a part could be written');
  }
}
