// A SecretCodec that hides nothing, so that tests can look at what is stored.
import type { SecretCodec } from '../../src/edits/sealed-records.ts';

export const plainCodec: SecretCodec = {
  seal: (value) => JSON.stringify(value),
  open: (sealed): unknown => JSON.parse(sealed),
};
