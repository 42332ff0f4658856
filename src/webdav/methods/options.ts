// OPTIONS: what can be done here. Asks nobody: clients send it to paths that are missing, and to parents of the share.
import { sendEmpty } from '../answers.ts';
import type { Exchange } from '../exchange.ts';
import { PARTIAL_UPDATE_CLASS, PARTIAL_UPDATE_TYPE } from './patch.ts';

export async function options(exchange: Exchange): Promise<void> {
  sendEmpty(exchange, 200, {
    DAV: `${exchange.parts.commonHeaders['DAV']}, ${PARTIAL_UPDATE_CLASS}`,
    'Accept-Patch': PARTIAL_UPDATE_TYPE,
    'Accept-Ranges': 'bytes',
  });
}
