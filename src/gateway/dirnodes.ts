// Directories: mutable ones (a mutable file of packed children, edited by one writer at a time, each edit one durable
// write, all or nothing) and immutable ones (packed children in a CHK or LIT file). Decoded ones are kept in memory and
// used again as long as the head on disk names the same version.
import { type Clock, yieldToLoop } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import { normalName } from '../base/path.ts';
import { seal, open as unseal } from '../seal/box.ts';
import { type MutableCap, storageIndexOf } from '../tahoe/caps.ts';
import { compareNames, type PackedChild, packChild, unpackChild, unpackChildren } from './dirnode-format.ts';
import { asMetadata, type Metadata, relinkedMetadata } from './edge-metadata.ts';
import type { Immutables } from './immutables.ts';
import { type Children, type Decoded, KeptDirnodes } from './kept-dirnodes.ts';
import { mintMutableKeys, mintWriteCap, writeCapsKeyOf } from './mint.ts';
import type { Mutables } from './mutables.ts';
import {
  checkLinkable,
  type DirectoryCap,
  isMutable,
  type Node,
  nodeFromCaps,
  readCapOf,
  writeCapOf,
} from './nodes.ts';
import { bodyOf } from './received-body.ts';
import {
  existingChild,
  mustBeImmutable,
  nodeFailure,
  noSuchChild,
  notWriteable,
  readingFrom,
} from './web-error.ts';

/** A child that is to be linked. */
export interface NewChild {
  readonly node: Node;
  /** The writer's keys, which then replace the old ones; undefined keeps those. */
  readonly metadata: Metadata | undefined;
}

export type Replace = 'yes' | 'no' | 'only-files';

export interface Child {
  readonly name: string;
  readonly node: Node;
  readonly metadata: Metadata;
}

/** The children that were decoded together: yields to others after each so many. About 1 ms of work. */
const CHILDREN_PER_TURN = 128;
function placeOf(cap: MutableCap, name: string): string {
  return `write cap ${storageIndexOf(cap)} ${name}`;
}

function sorted(children: Map<string, PackedChild>): Children {
  const names = [...children.keys()];
  const isSorted = names.every((name, i) => i === 0 || compareNames(names[i - 1] ?? '', name) < 0);
  return isSorted ? children : new Map([...children].sort(([a], [b]) => compareNames(a, b)));
}

async function decode(content: Buffer): Promise<Children> {
  const children = new Map<string, PackedChild>();
  for (const child of unpackChildren(content)) {
    children.set(child.name, child);
    if (children.size % CHILDREN_PER_TURN === 0) {
      await yieldToLoop();
    }
  }
  return sorted(children);
}

function encode(children: Children): Buffer {
  return Buffer.concat([...children.values()].map((child) => child.packed));
}

/** The name as it stands in a directory. Throws for what UTF-8 can't hold. */
export function childName(name: string): string {
  if (/\p{Surrogate}/u.test(name)) {
    throw nodeFailure(
      'builtins.UnicodeEncodeError',
      "'utf-8' codec can't encode a name: surrogates not allowed",
    );
  }
  return normalName(name);
}

export class Dirnodes {
  readonly #mutables: Mutables;
  readonly #immutables: Immutables;
  readonly #clock: Clock;
  readonly #kept = new KeptDirnodes();

  constructor(mutables: Mutables, immutables: Immutables, clock: Clock) {
    this.#mutables = mutables;
    this.#immutables = immutables;
    this.#clock = clock;
  }

  /** Makes a mutable directory that holds `children`; its write cap. Their metadata is kept as given. */
  async create(format: 'SDMF' | 'MDMF', children: ReadonlyMap<string, NewChild>): Promise<string> {
    const keys = mintMutableKeys();
    const text = mintWriteCap(keys, format, true);
    const cap: MutableCap = {
      kind: 'mutable',
      text,
      isDirectory: true,
      format,
      isWritable: true,
      key: keys.writeKey,
      fingerprint: keys.fingerprint,
    };
    const packed = new Map<string, PackedChild>();
    for (const [name, child] of children) {
      checkLinkable(child.node);
      packed.set(childName(name), this.#pack(cap, childName(name), child.node, child.metadata ?? {}));
    }
    using held = await this.#mutables.lock(cap);
    await this.#mutables.write(held, cap, undefined, encode(sorted(packed)));
    return text;
  }

  /** Makes an immutable directory of immutable children; its cap, the same for the same children. */
  async createImmutable(children: ReadonlyMap<string, NewChild>): Promise<string> {
    const packed = new Map<string, PackedChild>();
    for (const [name, child] of children) {
      checkLinkable(child.node);
      const isAllowed =
        child.node.kind === 'unknown' ? child.node.writeCap === undefined : !isMutable(child.node);
      if (!isAllowed) {
        throw mustBeImmutable(name);
      }
      const readCap = (readCapOf(child.node) ?? '').replace(/^(?:ro|imm)\./, '');
      const metadata = JSON.stringify(child.metadata ?? {});
      const key = childName(name);
      packed.set(key, packChild(key, { readCap, sealedWriteCap: Buffer.alloc(0), metadata }));
    }
    const fileCap = await this.#immutables.store(bodyOf(encode(sorted(packed))));
    return fileCap.replace('URI:', 'URI:DIR2-');
  }

  /** One child by name, or undefined. Throws 410 when the directory can't be read. */
  async get(cap: DirectoryCap, name: string): Promise<Child | undefined> {
    const child = (await this.#read(cap)).children.get(childName(name));
    return child && this.#child(cap, child);
  }

  /**
   * The children as t=json has them, `"name": [...]` each, made by `render` where it wasn't asked for before. Lets
   * others run in between. Throws 410 when the directory can't be read.
   */
  async render(cap: DirectoryCap, render: (child: Child) => string): Promise<string[]> {
    const { children, texts } = await this.#read(cap);
    const known = cap.kind === 'mutable' && cap.isWritable ? texts.writable : texts.readOnly;
    const all: string[] = [];
    for (const packed of children.values()) {
      let text = known.get(packed);
      if (text === undefined) {
        text = render(this.#child(cap, packed));
        known.set(packed, text);
        if (all.length % CHILDREN_PER_TURN === 0) {
          await yieldToLoop();
        }
      }
      all.push(text);
    }
    return all;
  }

  /** Links all of `entries` in one write, or nothing. 409 where a name is taken and may not be replaced. */
  async link(cap: DirectoryCap, entries: ReadonlyMap<string, NewChild>, replace: Replace): Promise<void> {
    await this.#edit(cap, (writeCap, children) => {
      const nowSeconds = this.#clock.now() / 1000;
      for (const [givenName, entry] of entries) {
        const name = childName(givenName);
        checkLinkable(entry.node);
        const old = children.get(name);
        if (old && (replace === 'no' || (replace === 'only-files' && this.#isDirectory(writeCap, old)))) {
          throw existingChild();
        }
        const oldMetadata = old && this.#metadata(old);
        const metadata = relinkedMetadata(oldMetadata, entry.metadata, nowSeconds);
        children.set(name, this.#pack(writeCap, name, entry.node, metadata));
      }
      return true;
    });
  }

  /** Takes a name out and gives what it was. 404 where it isn't there. */
  async unlink(cap: DirectoryCap, givenName: string): Promise<Child> {
    const name = childName(givenName);
    let taken: Child | undefined;
    await this.#edit(cap, (writeCap, children) => {
      const child = children.get(name);
      if (!child) {
        throw noSuchChild(name);
      }
      taken = this.#child(writeCap, child);
      return children.delete(name);
    });
    if (!taken) {
      throw noSuchChild(name);
    }
    return taken;
  }

  #isDirectory(cap: MutableCap, packed: PackedChild): boolean {
    return this.#child(cap, packed).node.kind === 'directory';
  }

  #metadata(packed: PackedChild): Metadata {
    return asMetadata(JSON.parse(unpackChild(packed).metadata)) ?? {};
  }

  #child(cap: DirectoryCap, packed: PackedChild): Child {
    const fields = unpackChild(packed);
    let writeCap = '';
    if (cap.kind === 'mutable' && cap.isWritable && fields.sealedWriteCap.length > 0) {
      const key = writeCapsKeyOf(cap.key);
      writeCap = unseal(key, fields.sealedWriteCap, placeOf(cap, packed.name)).toString();
    }
    const isImmutable = cap.kind !== 'mutable';
    return {
      name: packed.name,
      node: nodeFromCaps(writeCap, fields.readCap, isImmutable, packed.name),
      metadata: asMetadata(JSON.parse(fields.metadata)) ?? {},
    };
  }

  #pack(cap: MutableCap, name: string, node: Node, metadata: Metadata): PackedChild {
    // `imm.` says more than a mutable directory does by itself, `ro.` does not.
    const readCap = (readCapOf(node) ?? '').replace(/^ro\./, '');
    const writeCap = metadata['no-write'] ? undefined : writeCapOf(node);
    const sealedWriteCap =
      writeCap === undefined
        ? Buffer.alloc(0)
        : seal(writeCapsKeyOf(cap.key), Buffer.from(writeCap), placeOf(cap, name));
    return packChild(name, { readCap, sealedWriteCap, metadata: JSON.stringify(metadata) });
  }

  /** `change` works on a copy and says whether anything changed; when it throws, nothing is written. */
  async #edit(
    cap: DirectoryCap,
    change: (writeCap: MutableCap, children: Map<string, PackedChild>) => boolean,
  ): Promise<void> {
    if (cap.kind !== 'mutable' || !cap.isWritable) {
      throw notWriteable();
    }
    using held = await this.#mutables.lock(cap);
    const before = await this.#read(cap);
    const changed = new Map(before.children);
    if (!change(cap, changed)) {
      return;
    }
    const children = sorted(changed);
    const label = await this.#mutables.write(held, cap, before.label, encode(children));
    this.#kept.put(storageIndexOf(cap) ?? '', { label, children, texts: before.texts });
  }

  async #read(cap: DirectoryCap): Promise<Decoded> {
    if (cap.kind === 'mutable') {
      return readingFrom('mutable', () => this.#readMutable(cap));
    }
    return readingFrom('immutable', () => this.#readImmutable(cap));
  }

  async #readMutable(cap: MutableCap): Promise<Decoded> {
    const label = await this.#mutables.label(cap);
    const kept = this.#kept.take(storageIndexOf(cap) ?? '');
    if (kept?.label?.rootHash.equals(label.rootHash)) {
      this.#kept.put(storageIndexOf(cap) ?? '', kept);
      return kept;
    }
    const version = await this.#mutables.read(cap);
    const decoded = {
      label: { sequence: version.sequence, rootHash: version.rootHash },
      children: await decode(version.content),
      texts: { writable: new WeakMap<PackedChild, string>(), readOnly: new WeakMap<PackedChild, string>() },
    };
    this.#kept.put(storageIndexOf(cap) ?? '', decoded);
    return decoded;
  }

  async #readImmutable(cap: DirectoryCap): Promise<Decoded> {
    if (cap.kind !== 'immutable-directory') {
      throw new FsError('bad-cap', 'not an immutable directory');
    }
    const texts = {
      writable: new WeakMap<PackedChild, string>(),
      readOnly: new WeakMap<PackedChild, string>(),
    };
    const { inner } = cap;
    if (inner.kind === 'lit') {
      return { label: undefined, children: await decode(inner.data), texts };
    }
    await using share = await this.#immutables.open(inner);
    const pieces: Buffer[] = [];
    for await (const piece of share.read({ start: 0, end: inner.sizeBytes })) {
      pieces.push(piece);
    }
    return { label: undefined, children: await decode(Buffer.concat(pieces)), texts };
  }
}
