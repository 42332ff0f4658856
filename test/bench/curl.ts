// curl as the client of large transfers: it costs what clients written in C cost, in a process of its own.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { systemCode } from '../../src/base/errors.ts';

const run = promisify(execFile);

/** MiB a second of one GET, its connection included; undefined where there is no curl. Throws unless all bytes came. */
export async function curlRate(url: string, sizeBytes: number): Promise<number | undefined> {
  const format = '%{http_code} %{size_download} %{time_total}';
  try {
    const { stdout } = await run('curl', ['-s', '-S', '-o', '/dev/null', '-w', format, url]);
    const [status, bytes, seconds] = stdout.split(' ').map(Number);
    if (status !== 200 || bytes !== sizeBytes) {
      throw new Error(`an answer ${status} of ${bytes} bytes instead of 200 of ${sizeBytes}`);
    }
    return sizeBytes / 2 ** 20 / (seconds ?? Number.NaN);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
