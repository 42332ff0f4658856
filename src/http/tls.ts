// The certificate and its key, read from files and again whenever they change: a renewed certificate needs no restart, and no
// connection is dropped for it. A pair that can't be used (half of it replaced, for instance) is told once, and the one
// before stays in force.
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureVersion } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import { Limiter } from '../base/limiter.ts';
import type { Logger } from '../base/log.ts';

/** PEM files; the certificate may be a chain, its own first. */
export interface TlsOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** Of TLS; by itself 1.2. */
  readonly minVersion?: SecureVersion;
}

export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: SecureVersion;
}

interface Parts {
  readonly clock: Clock;
  readonly log: Logger;
}

const LOOK_EVERY_MS = 10_000;

export class TlsFiles {
  readonly #options: TlsOptions;
  readonly #parts: Parts;
  readonly #turn = new Limiter(1);
  #material: TlsMaterial;
  #mark: string;
  #complaint: string | undefined;
  #changed: (material: TlsMaterial) => void = () => undefined;
  #timer: Disposable | undefined;

  /** Throws `bad-config` where the pair can't be used. */
  static async open(options: TlsOptions, parts: Parts): Promise<TlsFiles> {
    const mark = await markOf(options);
    return new TlsFiles(options, parts, await read(options), mark);
  }

  private constructor(options: TlsOptions, parts: Parts, material: TlsMaterial, mark: string) {
    this.#options = options;
    this.#parts = parts;
    this.#material = material;
    this.#mark = mark;
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** From now on the files are looked at, and `changed` is told of every new pair. */
  watch(changed: (material: TlsMaterial) => void): void {
    this.#changed = changed;
    this.#lookLater();
  }

  stop(): void {
    this.#changed = () => undefined;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /** Looks now. Never rejects. */
  async reload(): Promise<void> {
    using _turn = await this.#turn.take();
    const { log } = this.#parts;
    try {
      const mark = await markOf(this.#options);
      if (mark === this.#mark && this.#complaint === undefined) {
        return;
      }
      const material = await read(this.#options);
      this.#mark = mark;
      this.#complaint = undefined;
      if (!material.cert.equals(this.#material.cert) || !material.key.equals(this.#material.key)) {
        this.#material = material;
        this.#changed(material);
        log.info({ certFile: this.#options.certFile }, 'the certificate was read again');
      }
    } catch (error) {
      const complaint = error instanceof Error ? error.message : 'unusable';
      if (complaint !== this.#complaint) {
        log.error({ err: error }, 'the new certificate can not be used: the one before stays in force');
      }
      this.#complaint = complaint;
    }
  }

  #lookLater(): void {
    this.#timer = this.#parts.clock.after(LOOK_EVERY_MS, () => {
      void this.reload().then(() => {
        if (this.#timer) {
          this.#lookLater();
        }
      });
    });
  }
}

/** Another one once a file, or what it links to, was changed or replaced. */
async function markOf({ certFile, keyFile }: TlsOptions): Promise<string> {
  const marks = await Promise.all(
    [certFile, keyFile].map((file) =>
      stat(file).then(
        ({ dev, ino, size, mtimeMs, ctimeMs }) => [dev, ino, size, mtimeMs, ctimeMs].join(' '),
        () => 'absent',
      ),
    ),
  );
  return marks.join(', ');
}

async function read(options: TlsOptions): Promise<TlsMaterial> {
  const { certFile, keyFile, minVersion = 'TLSv1.2' } = options;
  const [cert, key] = [await bytesOf('--cert', certFile), await bytesOf('--key', keyFile)];
  if (/ENCRYPTED/.test(key.toString('latin1', 0, 200))) {
    throw new FsError('bad-config', `${keyFile} is locked by a passphrase`, {
      hint: 'openssl pkey -in FILE -out NEW-FILE takes it away; keep the new file to yourself (chmod 600)',
    });
  }
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new FsError('bad-config', `${certFile} and ${keyFile} are no certificate and its key in PEM form`, {
      cause: error,
    });
  }
  return { cert, key, minVersion };
}

async function bytesOf(option: string, file: string): Promise<Buffer> {
  return await readFile(file).catch((error: unknown) => {
    throw new FsError('bad-config', `can't read ${option} ${file}`, { cause: error });
  });
}
