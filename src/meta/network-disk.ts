// Disks on which SQLite's locks don't hold, or hold on one host only, and where fsync may mean nothing: two processes
// would write one store, and "written" would not be durable.
import { statfs } from 'node:fs/promises';
import { FsError } from '../base/errors.ts';

// f_type as Linux has it (statfs(2)); other systems number theirs as they like.
const NETWORK_TYPES: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0x65735546, 'FUSE'],
]);

/** The kind of network disk that a statfs type stands for; undefined for every other. */
export function networkDiskName(type: number): string | undefined {
  return NETWORK_TYPES.get(type >>> 0); // a 32-bit system gives the high ones with a sign
}

/** Throws `bad-config` where `folder`, which is there, lies on a network disk or on FUSE. */
export async function refuseNetworkDisk(folder: string): Promise<void> {
  const { type } = await statfs(folder).catch((error: unknown) => {
    throw new FsError('bad-config', `${folder} can not be used`, { cause: error });
  });
  const name = process.platform === 'linux' ? networkDiskName(type) : undefined;
  if (name !== undefined) {
    throw new FsError('bad-config', `${folder} lies on ${name}, where SQLite's locks do not hold`, {
      hint: 'choose a --cache-dir on a local disk',
    });
  }
}
