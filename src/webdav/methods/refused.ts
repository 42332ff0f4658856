// Methods that are known and not served: POST, which the library takes for PUT, and what isn't there yet.
import type { Exchange } from '../exchange.ts';
import { Refusal } from '../status.ts';

export async function notAllowed(_exchange: Exchange): Promise<void> {
  throw new Refusal(405, 'this method is not allowed here');
}

export async function notImplemented(_exchange: Exchange): Promise<void> {
  throw new Refusal(501, 'this server does not know this method');
}
