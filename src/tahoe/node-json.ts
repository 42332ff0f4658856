// The smaller JSON answers of a node: the state of a thing, the size of a file, the servers.
import { FsError } from '../base/errors.ts';
import type { CheckResult, GridSpace } from './grid.ts';
import { fieldsOf, parseLooseJson } from './loose-json.ts';

/** `t=check&output=JSON`. */
export function parseCheck(text: string): CheckResult {
  const results = fieldsOf(fieldsOf(parseLooseJson(text))['results']);
  if (typeof results['healthy'] !== 'boolean') {
    throw new FsError('unavailable', 'the node did not tell the state of a thing', { op: 'check' });
  }
  const versions = new Set<string>();
  for (const share of Object.keys(fieldsOf(results['sharemap']))) {
    const version = /^(seq\d+-[^-]+)-sh\d+$/.exec(share)?.[1];
    if (version !== undefined) {
      versions.add(version);
    }
  }
  return {
    versions: [...versions].sort(),
    isHealthy: results['healthy'],
    isRecoverable:
      results['recoverable'] === undefined ? results['healthy'] : results['recoverable'] === true,
  };
}

/** `t=json` of a mutable file. */
export function parseSize(text: string): number {
  const node: unknown = parseLooseJson(text);
  const [type, fields] = Array.isArray(node) ? (node as unknown[]) : [];
  if (type !== 'filenode') {
    throw new FsError('bad-cap', 'the node knows no file behind this cap', { op: 'size of a file' });
  }
  const size = fieldsOf(fields)['size'];
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    // As when its servers are away.
    throw new FsError('unavailable', 'the node does not know the size of a file', { op: 'size of a file' });
  }
  return size;
}

/** `GET /?t=json`. */
export function parseSpace(text: string): GridSpace {
  const servers = fieldsOf(parseLooseJson(text))['servers'];
  let connectedServers = 0;
  let availableBytes: number | undefined;
  for (const server of Array.isArray(servers) ? (servers as unknown[]) : []) {
    const { connection_status: status, available_space: space } = fieldsOf(server);
    if (status === 'connected') {
      connectedServers += 1;
      if (typeof space === 'number' && Number.isFinite(space)) {
        availableBytes = (availableBytes ?? 0) + space;
      }
    }
  }
  return { connectedServers, availableBytes };
}
