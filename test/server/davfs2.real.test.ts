// davfs2: the server mounted as a file system of the kernel. A tree copied, edited in place, renamed, compared, and
// compared again after a new mount.
import { describe } from 'node:test';
import { carryClient, toolSkip } from './real-client.ts';

function rootSkip(): string | false {
  const isRoot = process.getuid?.() === 0 || process.env['REQUIRE_REAL'] === '1';
  return isRoot ? false : 'only root may mount';
}

describe('davfs2', { skip: toolSkip('mount.davfs', 'davfs2') || rootSkip() }, () => carryClient('davfs2.sh'));
