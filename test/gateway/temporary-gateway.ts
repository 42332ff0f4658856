// The embedded gateway in this process, over a data directory that is deleted at the end.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway } from '../../src/gateway/server.ts';
import { WebApi } from '../contract/web-api-client.ts';

export interface TemporaryGateway extends AsyncDisposable {
  readonly dataDir: string;
  /** Where the one that runs now listens. */
  readonly url: string;
  /** Of the gateway that runs now. */
  readonly api: WebApi;
  /** Closes it, and starts another one over the same directory after `between`. */
  restart(between?: () => Promise<void>): Promise<void>;
}

export async function startTemporaryGateway(): Promise<TemporaryGateway> {
  const dataDir = await mkdtemp(join(tmpdir(), 'gateway-'));
  const start = async () => {
    const gateway = await startGateway({ dataDir, listen: { host: '127.0.0.1', port: 0 } });
    const api = new WebApi(gateway.url);
    const close = async (): Promise<void> => {
      await api[Symbol.asyncDispose]();
      await gateway.close();
    };
    return { api, close, url: gateway.url };
  };
  let running = await start();
  return {
    dataDir,
    get url() {
      return running.url;
    },
    get api() {
      return running.api;
    },
    async restart(between) {
      await running.close();
      await between?.();
      running = await start();
    },
    async [Symbol.asyncDispose]() {
      await running.close();
      await rm(dataDir, { recursive: true });
    },
  };
}
