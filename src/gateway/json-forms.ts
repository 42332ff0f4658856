// t=json: nodes and their children as a node describes them.
import type { Child } from './dirnodes.ts';
import type { Metadata } from './edge-metadata.ts';
import {
  type FileNode,
  isMutable,
  type Node,
  readCapOf,
  type UnknownNode,
  verifyCapOf,
  writeCapOf,
} from './nodes.ts';

type Json = Record<string, unknown>;

function present(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function capFields(node: Node): Json {
  return { ro_uri: readCapOf(node), rw_uri: writeCapOf(node), verify_uri: verifyCapOf(node) };
}

/** `sizeBytes` where it isn't in the cap and is known. */
function fileFields({ cap }: FileNode, sizeBytes: number | undefined): Json {
  return cap.kind === 'mutable'
    ? { mutable: true, format: cap.format, size: sizeBytes }
    : { mutable: false, format: 'CHK', size: cap.sizeBytes };
}

export function fileJson(
  node: FileNode,
  mutableSizeBytes: number | undefined,
  metadata: Metadata | undefined,
): string {
  return JSON.stringify([
    'filenode',
    present({ ...fileFields(node, mutableSizeBytes), ...capFields(node), metadata }),
  ]);
}

export function unknownJson(
  node: UnknownNode,
  isInImmutable: boolean,
  metadata: Metadata | undefined,
): string {
  const isImmutable =
    isInImmutable || (!node.writeCap && !node.error && node.readCap?.startsWith('imm.') !== false);
  const mutable = node.writeCap ? true : isImmutable ? false : undefined;
  return JSON.stringify(['unknown', present({ ...capFields(node), mutable, metadata })]);
}

/** `"name": [...]` for the `children` of a directory. */
export function childJson({ name, node, metadata }: Child): string {
  const described = ((): [string, Json] => {
    switch (node.kind) {
      case 'file':
        return ['filenode', fileFields(node, undefined)];
      case 'directory':
        return ['dirnode', { mutable: isMutable(node) }];
      default:
        return ['unknown', {}];
    }
  })();
  const value = [described[0], present({ ...described[1], metadata, ...capFields(node) })];
  return `${JSON.stringify(name)}: ${JSON.stringify(value)}`;
}

/** Around the texts of the children, so that a name may be anything, `__proto__` and numbers too. */
export function directoryJson(node: Node, isMutableDirectory: boolean, children: readonly string[]): Buffer {
  const rest = JSON.stringify(present({ ...capFields(node), mutable: isMutableDirectory }));
  return Buffer.from(`["dirnode", {"children": {${children.join(',\n')}}, ${rest.slice(1)}]\n`);
}
