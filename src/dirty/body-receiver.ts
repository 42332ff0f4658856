// Makes a blob of a request body: sealed, written, and made durable in the order that nobody is told of it before. On
// every failure the body is destroyed and no file is left.
import type { Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { FsError } from '../base/errors.ts';
import { Limiter } from '../base/limiter.ts';
import type { Logger } from '../base/log.ts';
import { asBodyError } from '../base/request-body.ts';
import { BLOB_ID_BYTES } from '../cache/slots.ts';
import type { SpareBuffers } from '../cache/spare-buffers.ts';
import { randomNonce } from '../seal/random.ts';
import { BlobFile } from './blob-file.ts';
import { type DirtyKeys, type DirtyName, dirtyNameOf } from './dirty-keys.ts';
import type { DirtyRoom } from './dirty-room.ts';
import type { Disk } from './disk.ts';
import type { FolderSync } from './folder-sync.ts';
import type { DirtyManifest } from './manifest.ts';
import { type BodyFacts, receiveBody } from './receive-body.ts';

/** What the caller knows of a content: the rest of its manifest is known here. */
export type ManifestPart = Omit<DirtyManifest, 'sha256' | 'sizeBytes' | 'writtenAtMs' | 'counter'>;

export interface ReceiveOptions {
  /** Any other number of bytes is refused. */
  readonly expectedBytes?: number | undefined;
  /** Called when all of the body is here. */
  readonly manifest: (about: BodyFacts) => ManifestPart;
  /** Called before that; may still call it off by throwing. */
  readonly beforeEnd?: (() => Promise<void>) | undefined;
  /** Ends it while the body comes. */
  readonly signal?: AbortSignal | undefined;
}

export interface Received extends BodyFacts {
  readonly id: string;
}

export interface BodyReceiverOptions {
  readonly disk: Disk;
  readonly folderSync: FolderSync;
  readonly keys: DirtyKeys;
  readonly room: DirtyRoom;
  readonly spare: SpareBuffers;
  readonly isFsynced: boolean;
  readonly makeRoom: (bytes: number) => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly pathOf: (id: string) => string;
}

/** So many datasyncs of large files run at once: each keeps a thread, which reading and the store need too. */
const LARGE_SYNCS = 2;
const COUNTS_PER_MS = 1_000;

export class BodyReceiver {
  readonly #o: BodyReceiverOptions;
  readonly #largeSyncs = new Limiter(LARGE_SYNCS);
  #counter: number;

  constructor(options: BodyReceiverOptions) {
    this.#o = options;
    // Above what any earlier run has reached, as long as the clock goes on and each ms brought fewer bodies than that.
    this.#counter = options.clock.now() * COUNTS_PER_MS;
  }

  /** As DirtyStore.receive; `bytes` is what the blob takes of the disk, which the room counts from now on. */
  async receive(body: Readable, options: ReceiveOptions): Promise<Received & { readonly bytes: number }> {
    const { signal } = options;
    const abort = (): void => {
      body.destroy(new FsError('aborted', 'the request was given up', { cause: signal?.reason }));
    };
    body.on('error', ignore); // it may fail before it is read; then reading it fails
    signal?.addEventListener('abort', abort, { once: true });
    try {
      if (signal?.aborted) {
        abort();
      }
      return await this.#store(body, options);
    } catch (error) {
      body.destroy();
      throw asBodyError(error);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  async #store(body: Readable, options: ReceiveOptions): Promise<Received & { readonly bytes: number }> {
    const { room, spare, makeRoom, log } = this.#o;
    using reservation = await room.reserve(options.expectedBytes);
    const name = dirtyNameOf(randomNonce(BLOB_ID_BYTES));
    const file = this.#newFile(name);
    try {
      const facts = await receiveBody(body, options.expectedBytes, { file, room, reservation, spare });
      await options.beforeEnd?.();
      file.addManifest({ ...options.manifest(facts), ...facts, ...this.#stamp() });
      reservation.cover(file.pagesBytes);
      await file.finish(() => makeRoom(file.pagesBytes));
      reservation.wrote(file.pagesBytes);
      return { id: name.id, ...facts, bytes: reservation.keep() };
    } catch (error) {
      await file.abandon().catch((left: unknown) => {
        log.warn({ err: left, id: name.id }, 'an unfinished file can not be removed');
      });
      throw error;
    }
  }

  #newFile(name: DirtyName): BlobFile {
    const { pathOf, keys, disk, isFsynced, folderSync } = this.#o;
    return new BlobFile({
      path: pathOf(name.id),
      name,
      keys,
      disk,
      isFsynced,
      syncInTurn: async (sync) => {
        using _turn = await this.#largeSyncs.take();
        await sync();
      },
      syncFolder: () => folderSync.sync(),
    });
  }

  #stamp(): Pick<DirtyManifest, 'writtenAtMs' | 'counter'> {
    this.#counter += 1;
    return { writtenAtMs: this.#o.clock.now(), counter: this.#counter };
  }
}

function ignore(): void {
  // the same error comes out where the body is read
}
