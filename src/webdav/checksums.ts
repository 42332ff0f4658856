// Checksums that clients send along with what they upload, and how they are told what is known: OC-Checksum (ownCloud and
// its kin, rclone), Repr-Digest and Content-Digest (RFC 9530), Digest (RFC 3230) and Content-MD5 (RFC 1864). What
// doesn't match refuses the upload; an algorithm that isn't known here proves nothing and is passed over.
import { Readable } from 'node:stream';
import { FsError } from '../base/errors.ts';
import type { Checksums } from '../inode/tree.ts';
import { constantTimeEqual, type DigestAlgorithm, startDigest } from '../seal/hash.ts';
import type { Exchange } from './exchange.ts';

interface Expected {
  readonly algorithm: DigestAlgorithm;
  readonly bytes: Buffer;
  /** The header that says so. */
  readonly header: string;
}

interface Form {
  readonly header: string;
  /** What stands between two of them. */
  readonly separator: RegExp;
  /** Name and value of one. */
  readonly entry: RegExp;
  readonly encoding: 'hex' | 'base64';
  readonly names: ReadonlyMap<string, DigestAlgorithm>;
  /** It speaks of the file as it is to be, not of what this request carries. */
  readonly isOfWhole: boolean;
}

const LENGTHS: Readonly<Record<DigestAlgorithm, number>> = { md5: 16, sha1: 20, sha256: 32, sha512: 64 };
/** Of the RFCs: the names of one registry, in lower case. */
const REGISTERED: ReadonlyMap<string, DigestAlgorithm> = new Map([
  ['md5', 'md5'],
  ['sha', 'sha1'],
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
]);
/** Of ownCloud and its kin, in lower case. */
export const OWNCLOUD_NAMES: ReadonlyMap<string, keyof Checksums> = new Map([
  ['md5', 'md5'],
  ['sha1', 'sha1'],
  ['sha256', 'sha256'],
]);
const STRUCTURED = { separator: /,/, entry: /^\s*([\w-]+)\s*=\s*:([A-Za-z0-9+/=]*):\s*(?:;.*)?$/ };

const forms: readonly Form[] = [
  {
    header: 'oc-checksum',
    separator: /\s+/,
    entry: /^([\w-]+):([0-9A-Fa-f]+)$/,
    encoding: 'hex',
    names: OWNCLOUD_NAMES,
    isOfWhole: true,
  },
  { header: 'repr-digest', ...STRUCTURED, encoding: 'base64', names: REGISTERED, isOfWhole: true },
  { header: 'content-digest', ...STRUCTURED, encoding: 'base64', names: REGISTERED, isOfWhole: false },
  {
    header: 'digest',
    separator: /,/,
    entry: /^\s*([\w-]+)=([A-Za-z0-9+/=]+)\s*$/,
    encoding: 'base64',
    names: REGISTERED,
    isOfWhole: true,
  },
  {
    header: 'content-md5',
    separator: /$^/,
    entry: /^()([A-Za-z0-9+/=]+)$/,
    encoding: 'base64',
    names: new Map([['', 'md5']]),
    isOfWhole: false,
  },
];

/**
 * A body whose checksums are found out as it passes. One that isn't what the client announced fails with its end, and so
 * nothing is stored.
 */
export class CheckedBody {
  readonly stream: Readable;
  readonly #expected: readonly Expected[];
  readonly #found = new Map<DigestAlgorithm, Buffer>();

  /** `wanted`: to be found out beside those that are expected. */
  constructor(body: Readable, expected: readonly Expected[], wanted: readonly DigestAlgorithm[]) {
    this.#expected = expected;
    const algorithms = new Set([...expected.map(({ algorithm }) => algorithm), ...wanted]);
    this.stream = algorithms.size === 0 ? body : Readable.from(this.#pass(body, algorithms), NO_OBJECTS);
  }

  /** Those worth keeping, when all of the body has passed. */
  checksums(): Checksums {
    const [md5, sha1] = [this.#found.get('md5'), this.#found.get('sha1')];
    return {
      ...(md5 === undefined ? {} : { md5: md5.toString('base64url') }),
      ...(sha1 === undefined ? {} : { sha1: sha1.toString('base64url') }),
    };
  }

  async *#pass(body: Readable, algorithms: ReadonlySet<DigestAlgorithm>): AsyncGenerator<Buffer> {
    const hashes = Array.from(algorithms, (algorithm) => ({ algorithm, hash: startDigest(algorithm) }));
    for await (const piece of body) {
      for (const { hash } of hashes) {
        hash.update(piece as Buffer);
      }
      yield piece as Buffer;
    }
    for (const { algorithm, hash } of hashes) {
      this.#found.set(algorithm, hash.digest());
    }
    for (const { algorithm, bytes, header } of this.#expected) {
      if (!constantTimeEqual(this.#found.get(algorithm) ?? NOTHING, bytes)) {
        throw new FsError(
          'bad-request',
          `the body was damaged on its way, by what the client says in ${header}`,
        );
      }
    }
  }
}

const NO_OBJECTS = { objectMode: false };
const NOTHING = Buffer.alloc(0);

/**
 * What the headers say of the body. Throws `bad-request` where they can't be read; with `isPart`, also where they speak
 * of a whole file of which only a part comes.
 */
export function expectedChecksums(exchange: Exchange, isPart: boolean): readonly Expected[] {
  return forms.flatMap((form) => {
    const { header, separator, isOfWhole } = form;
    const text = exchange.header(header)?.trim() ?? '';
    if (text === '') {
      return [];
    }
    if (isPart && isOfWhole) {
      throw new FsError(
        'bad-request',
        `only a part of a file comes, and the checksum is of a whole one: ${header}`,
      );
    }
    return text.split(separator).flatMap((entry) => parseEntry(form, entry));
  });
}

function parseEntry({ header, entry, encoding, names }: Form, text: string): readonly Expected[] {
  const found = entry.exec(text);
  if (found === null) {
    throw new FsError('bad-request', `no checksum can be read in ${header}`);
  }
  const [, name = '', value = ''] = found;
  const algorithm = names.get(name.toLowerCase());
  if (algorithm === undefined) {
    return [];
  }
  const bytes = Buffer.from(value, encoding);
  if (bytes.length !== LENGTHS[algorithm] || value.length > 2 * bytes.length) {
    throw new FsError('bad-request', `no checksum of the length of ${algorithm} stands in ${header}`);
  }
  return [{ algorithm, bytes, header }];
}

/** `SHA1:... MD5:...` as ownCloud and Nextcloud show it; undefined where nothing is known. */
export function ownCloudChecksums({ sha1, md5, sha256 }: Checksums): string | undefined {
  const known = [
    ['SHA1', sha1],
    ['MD5', md5],
    ['SHA256', sha256],
  ] as const;
  const texts = known.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}:${Buffer.from(value, 'base64url').toString('hex')}`],
  );
  return texts.length === 0 ? undefined : texts.join(' ');
}

/** The value of Repr-Digest (RFC 9530, 3); undefined where none is known. */
export function reprDigest(checksums: Checksums | undefined): string | undefined {
  const sha256 = checksums?.sha256;
  return sha256 && `sha-256=:${sha256.replaceAll('-', '+').replaceAll('_', '/')}=:`;
}
