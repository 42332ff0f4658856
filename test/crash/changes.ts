// Makes the changes of a scene, on a tree and on the plain model, and dumps a tree as the model does.
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { hasCode } from '../../src/base/errors.ts';
import type { Tree } from '../../src/inode/tree.ts';
import { startSha256 } from '../../src/seal/hash.ts';
import { at, dump } from '../inode/make-tree.ts';
import type { TreeModel } from '../model/tree-model.ts';
import type { Change } from './write-back-steps.ts';

export async function apply(tree: Tree, change: Change): Promise<void> {
  const path = at(change.path);
  switch (change.op) {
    case 'put':
      await tree.write(path, Readable.from(piecesOf(change.content), { objectMode: false }));
      break;
    case 'mkdir':
      await tree.makeDirectory(path);
      break;
    case 'remove':
      await tree.remove(path);
      break;
    case 'move':
    case 'copy':
      await tree[change.op](path, at(change.to), { overwrite: true });
      break;
    case 'set': {
      const xml = `<title xmlns="urn:test">${change.value}</title>`;
      await tree.setProperties(path, () => ({ deadProperties: [{ uri: 'urn:test', local: 'title', xml }] }));
    }
  }
}

/** Throws where the model would refuse it: scenes have no such changes. */
export function applyToModel(model: TreeModel, change: Change): void {
  const { path } = change;
  const said = {
    // New content keeps what clients have set on the old.
    put: () => change.op === 'put' && model.put(path, shown(change.content, titleOf(model, path))),
    mkdir: () => model.makeDirectory(path),
    remove: () => model.remove(path),
    move: () => 'to' in change && model.transfer(path, change.to, true, true),
    copy: () => 'to' in change && model.transfer(path, change.to, false, true),
    set: () => change.op === 'set' && setProperty(model, path, change.value),
  }[change.op]();
  if (said !== 'done') {
    throw new Error(`the model says ${said} to ${JSON.stringify(change).slice(0, 200)}`);
  }
}

function titleOf(model: TreeModel, path: string): string {
  return / \{(.*)\}$/.exec(model.entries.get(path) ?? '')?.[1] ?? '';
}

function setProperty(model: TreeModel, path: string, value: string): string {
  const content = model.entries.get(path) ?? '';
  model.entries.set(path, `${content.replace(/ \{.*\}$/, '')} {${value}}`);
  return 'done';
}

/** For a content that can't be read just now, since it is on the grid alone. */
export const UNREAD = '?';

/** The whole tree as the model dumps it. */
export async function dumpTree(tree: Tree): Promise<Record<string, string>> {
  return await dump(tree, '', readShown);
}

async function readShown(tree: Tree, path: string): Promise<string> {
  try {
    const file = await tree.open(at(path));
    const bytes = await buffer(await file.read({ start: 0, end: file.resource.sizeBytes }));
    const [title] = file.resource.deadProperties.map(({ xml }) => /<title[^>]*>(.*)<\/title>/.exec(xml)?.[1]);
    return shown(bytes.toString(), title ?? '');
  } catch (error) {
    if (hasCode(error, 'unavailable')) {
      return UNREAD;
    }
    throw error;
  }
}

/** Whole where it is short, else its beginning, length and hash. */
function shown(content: string, title: string): string {
  const hash = startSha256();
  hash.update(Buffer.from(content));
  const short =
    content.length <= 80
      ? content
      : `${content.slice(0, 20)}... ${content.length} ${hash.digest('base64url').slice(0, 12)}`;
  return title === '' ? short : `${short} {${title}}`;
}

function piecesOf(content: string): Buffer[] {
  const bytes = Buffer.from(content);
  const pieces: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += 64 * 1024) {
    pieces.push(bytes.subarray(start, start + 64 * 1024));
  }
  return pieces;
}
