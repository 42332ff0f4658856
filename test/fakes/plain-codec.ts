// An EditCodec that hides nothing, so that tests can look at what is stored.
import type { Edit } from '../../src/edits/edit.ts';
import type { EditCodec } from '../../src/edits/edit-store.ts';

export const plainCodec: EditCodec = {
  seal: (edit) => JSON.stringify(edit),
  open: (sealed) => JSON.parse(sealed) as Edit,
};
