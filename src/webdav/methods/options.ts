// OPTIONS: what can be done here. Asks nobody: clients send it to paths that are missing, and to parents of the share.
import { sendEmpty } from '../answers.ts';
import type { Exchange } from '../exchange.ts';

export async function options(exchange: Exchange): Promise<void> {
  sendEmpty(exchange, 200);
}
