// The embedded gateway alone, as a process: DATADIR PORT. Prints its URL when it listens.
import { createLogger } from '../../src/base/log.ts';
import { startGateway } from '../../src/gateway/server.ts';

const [dataDir = '', port = '0'] = process.argv.slice(2);
const log = createLogger('warn', 'text', (line) => process.stderr.write(line));
const gateway = await startGateway({ dataDir, listen: { host: '127.0.0.1', port: Number(port) }, log });
process.once('SIGTERM', () => void gateway.close());
process.stdout.write(`${gateway.url}\n`);
