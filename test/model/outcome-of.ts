// How a change of a tree ended, in the words of the model.
import { FsError } from '../../src/base/errors.ts';
import type { Outcome } from './tree-model.ts';

/** Anything but an FsError is a bug, and passes. */
export async function outcomeOf(work: Promise<unknown>): Promise<Outcome> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (error instanceof FsError) {
      return error.code;
    }
    throw error;
  }
}
