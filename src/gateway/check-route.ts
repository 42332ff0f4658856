// t=check: is a thing still there? Without `verify` only its head is looked at, as a node only asks its servers.

import { encodeBase32 } from '../base/base32.ts';
import { hasCode } from '../base/errors.ts';
import { type ChkCap, type MutableCap, storageIndexOf } from '../tahoe/caps.ts';
import { type Answer, page, plain } from './answer.ts';
import type { DirectoryNode, FileNode } from './nodes.ts';
import type { Services } from './services.ts';
import { badRequest } from './web-error.ts';
import { argument, booleanArgument, type WebRequest } from './web-request.ts';

/** The name of the one share that there is, or undefined where it is missing or damaged. */
type Found = { readonly share: string | undefined; readonly isDamaged: boolean };

async function findingOf(look: () => Promise<string>): Promise<Found> {
  try {
    return { share: await look(), isDamaged: false };
  } catch (error) {
    if (hasCode(error, 'not-found', 'corrupt')) {
      return { share: undefined, isDamaged: error.code === 'corrupt' };
    }
    throw error;
  }
}

function findImmutable(services: Services, cap: ChkCap, mustVerify: boolean): Promise<Found> {
  return findingOf(async () => {
    await using share = await services.immutables.open(cap);
    if (mustVerify) {
      for await (const _piece of share.read({ start: 0, end: cap.sizeBytes })) {
        // Reading checks every segment; the bytes are not wanted.
      }
    }
    return '0';
  });
}

function findMutable(services: Services, cap: MutableCap, mustVerify: boolean): Promise<Found> {
  return findingOf(async () => {
    const label = await (mustVerify ? services.mutables.read(cap) : services.mutables.label(cap));
    return `seq${label.sequence}-${encodeBase32(label.rootHash).slice(0, 4)}-sh0`;
  });
}

function resultsOf(services: Services, found: Found): Record<string, unknown> {
  const good = found.share === undefined ? 0 : 1;
  return {
    'count-happiness': good,
    'count-shares-good': good,
    'count-shares-needed': 1,
    'count-shares-expected': 1,
    'count-good-share-hosts': good,
    'count-corrupt-shares': found.isDamaged ? 1 : 0,
    'list-corrupt-shares': [],
    'servers-responding': [services.nodeId],
    sharemap: found.share === undefined ? {} : { [found.share]: [services.nodeId] },
    'count-wrong-shares': 0,
    'count-recoverable-versions': good,
    'count-unrecoverable-versions': 0,
    healthy: good === 1,
    recoverable: good === 1,
  };
}

export async function answerCheck(
  services: Services,
  request: WebRequest,
  { cap }: FileNode | DirectoryNode,
): Promise<Answer> {
  if (booleanArgument(request, 'repair', false)) {
    throw badRequest(
      'repair: the embedded gateway keeps one share of a thing and has nothing to mend it from',
    );
  }
  const mustVerify = booleanArgument(request, 'verify', false);
  booleanArgument(request, 'add-lease', false); // accepted: nothing expires here
  const stored = cap.kind === 'immutable-directory' ? cap.inner : cap;
  const isJson = argument(request, 'output')?.toLowerCase() === 'json';
  if (stored.kind === 'lit') {
    const json = JSON.stringify({ 'storage-index': '', results: { healthy: true } });
    return isJson ? plain(json) : page(200, 'Literal files are always healthy', '');
  }
  const found = await (stored.kind === 'chk'
    ? findImmutable(services, stored, mustVerify)
    : findMutable(services, stored, mustVerify));
  const summary = found.share === undefined ? 'Not Healthy: 0 shares (enc 1-of-1)' : 'Healthy';
  if (!isJson) {
    return page(200, 'File Check Results', summary);
  }
  const results = resultsOf(services, found);
  return plain(JSON.stringify({ 'storage-index': storageIndexOf(stored), summary, results }));
}
