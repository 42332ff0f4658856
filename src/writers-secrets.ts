// Records and children's write caps, sealed under a key that only the root's write cap gives: they hold write caps, and
// the store that they lie in opens with the read cap.
import { FsError } from './base/errors.ts';
import type { SecretCodec } from './edits/sealed-records.ts';
import type { WriteCapCodec } from './inode/listing-store.ts';
import { open, seal } from './seal/box.ts';

/** `key` is undefined where the root can only be read: then nothing is written, and edits there are not ours. */
export function writersSecrets(key: Buffer | undefined): SecretCodec {
  const required = (): Buffer => {
    if (key === undefined) {
      throw new FsError(
        'read-only',
        'the root can only be read; changes that still wait need its write cap',
        {
          hint: 'serve the same root by its write cap once, so that they can be finished',
        },
      );
    }
    return key;
  };
  return {
    seal: (value, place) => seal(required(), Buffer.from(JSON.stringify(value)), place).toString('base64'),
    open: (sealed, place): unknown =>
      JSON.parse(open(required(), Buffer.from(sealed, 'base64'), place).toString()),
  };
}

/** Undefined where the root can only be read: then there are none to hide. */
export function sealedWriteCaps(key: Buffer | undefined): WriteCapCodec | undefined {
  return (
    key && {
      seal: (text, place) => seal(key, Buffer.from(text), place).toString('base64'),
      open: (sealed, place) => open(key, Buffer.from(sealed, 'base64'), place).toString(),
    }
  );
}
