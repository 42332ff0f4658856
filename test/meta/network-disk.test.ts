import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { hasCode } from '../../src/base/errors.ts';
import { networkDiskName, refuseNetworkDisk } from '../../src/meta/network-disk.ts';

describe('networkDiskName', () => {
  const types: ReadonlyArray<readonly [string, number, string | undefined]> = [
    ['nfs', 0x6969, 'NFS'],
    ['smb', 0x517b, 'SMB'],
    ['cifs', 0xff534d42, 'SMB'],
    ['cifs with a sign', 0xff534d42 | 0, 'SMB'],
    ['smb2', 0xfe534d42, 'SMB'],
    ['fuse', 0x65735546, 'FUSE'],
    ['ext4', 0xef53, undefined],
    ['xfs', 0x58465342, undefined],
    ['btrfs', 0x9123683e, undefined],
    ['tmpfs', 0x01021994, undefined],
    ['overlayfs', 0x794c7630, undefined],
    ['zfs', 0x2fc12fc1, undefined],
  ];
  for (const [system, type, name] of types) {
    test(`calls ${system} ${name ?? 'a local disk'}`, () => assert.equal(networkDiskName(type), name));
  }
});

describe('refuseNetworkDisk', () => {
  test('takes the folder for temporary files', () => refuseNetworkDisk(tmpdir()));

  test('refuses a folder that is not there', () =>
    assert.rejects(refuseNetworkDisk(join(tmpdir(), 'not', 'there')), (error) =>
      hasCode(error, 'bad-config'),
    ));
});
