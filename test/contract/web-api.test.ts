import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway } from '../../src/gateway/server.ts';
import { readSecret } from './secret-file.ts';
import { webApiContract } from './web-api.ts';

webApiContract('web API of the embedded gateway', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'web-api-'));
  const gateway = await startGateway({ dataDir, listen: { host: '127.0.0.1', port: 0 } });
  return {
    url: gateway.url,
    convergenceSecret: () => readSecret(join(dataDir, 'private', 'convergence')),
    async [Symbol.asyncDispose]() {
      await gateway.close();
      await rm(dataDir, { recursive: true });
    },
  };
});
