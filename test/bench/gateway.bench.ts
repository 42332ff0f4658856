// The web API's own speed: `node build/test/bench/gateway.bench.js` measures the embedded gateway in a process of its
// own, with a URL behind it a Tahoe node (`... http://127.0.0.1:3456`). Prints one line for each kind of call.
import { randomBytes } from '../../src/seal/random.ts';
import { uri, WebApi } from '../contract/web-api-client.ts';
import { startGatewayProcess } from '../gateway/gateway-process.ts';

async function measure(
  what: string,
  count: number,
  unit: string,
  run: () => Promise<unknown>,
): Promise<void> {
  const began = performance.now();
  await run();
  const ms = performance.now() - began;
  console.log(`${what}: ${((count * 1000) / ms).toFixed(1)} ${unit} (${(ms / count).toFixed(2)} ms each)`);
}

async function times(count: number, run: (i: number) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await run(i);
  }
}

async function measureFiles(api: WebApi): Promise<void> {
  const large = randomBytes(100 << 20);
  let cap = '';
  await measure('PUT 100 MiB', 100, 'MiB/s', async () => {
    cap = await api.store(large);
  });
  await measure('GET 100 MiB', 100, 'MiB/s', () => api.want(200, 'GET', uri(cap)));
  await measure('PUT 1 KiB, one at a time', 200, '/s', () => times(200, () => api.store(randomBytes(1024))));
  await measure('PUT 1 KiB, eight at a time', 800, '/s', () =>
    Promise.all(Array.from({ length: 8 }, () => times(100, () => api.store(randomBytes(1024))))),
  );
}

async function measureDirectories(api: WebApi): Promise<void> {
  const cap = await api.store(randomBytes(1024));
  const names = (start: number, count: number) =>
    Array.from({ length: count }, (_, i) => [`name ${start + i}`, { ro_uri: cap, metadata: { i } }] as const);
  await measure('mkdir', 100, '/s', () => times(100, () => api.makeDirectory()));
  for (const size of [10, 10_000]) {
    const dir = await api.makeDirectory();
    await measure(`set_children up to ${size}`, size, 'children/s', () =>
      times(Math.ceil(size / 500), (i) => api.setChildren(dir, names(i * 500, Math.min(500, size)))),
    );
    const list = () => api.want(200, 'GET', `${uri(dir)}?t=json`);
    await measure(`t=json of ${size}, first`, 1, '/s', list);
    await measure(`t=json of ${size}, again`, 5, '/s', () => times(5, list));
    await measure(`t=check of ${size}`, 50, '/s', () => times(50, () => api.check(dir)));
    await measure(`link into ${size}`, 20, '/s', () =>
      times(20, (i) => api.want(200, 'PUT', `${uri(dir, `new ${i}`)}?t=uri`, { body: cap })),
    );
    await measure(`DELETE from ${size}`, 20, '/s', () =>
      times(20, (i) => api.want(200, 'DELETE', uri(dir, `new ${i}`))),
    );
  }
}

const [url] = process.argv.slice(2);
await using gateway = url === undefined ? await startGatewayProcess() : undefined;
await using api = new WebApi(url ?? gateway?.url ?? '');
await measureFiles(api);
await measureDirectories(api);
