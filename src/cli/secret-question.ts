// A question whose answer is not shown, to whoever sits at the terminal.
import { FsError } from '../base/errors.ts';

const END = /[\r\n\u0004]/; // Enter, Ctrl-D
const INTERRUPT = '\u0003';
const ERASE = /[\u0008\u007f]/;

export type SecretInput = NodeJS.ReadableStream & {
  readonly isTTY?: boolean;
  setRawMode(isRaw: boolean): unknown;
};

export interface SecretDialogue {
  readonly input: SecretInput;
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Undefined where nobody sits there. `aborted` on Ctrl-C. */
export function secretAsker({
  input,
  output,
}: SecretDialogue): ((question: string) => Promise<string>) | undefined {
  if (input.isTTY !== true || output.isTTY !== true) {
    return undefined;
  }
  return async (question) => {
    input.setRawMode(true); // before the question: who answers at once would see it shown
    output.write(question);
    try {
      return await readSilently(input);
    } finally {
      input.setRawMode(false);
      input.pause();
      output.write('\n');
    }
  };
}

function readSilently(input: SecretInput): Promise<string> {
  return new Promise((resolve, reject) => {
    const letters: string[] = [];
    input.setEncoding('utf8');
    const done = (): void => {
      input.off('data', read).off('end', ended);
    };
    const ended = (): void => {
      done();
      resolve(letters.join(''));
    };
    const read = (typed: string): void => {
      for (const letter of typed) {
        if (letter === INTERRUPT) {
          done();
          reject(new FsError('aborted', 'interrupted'));
          return;
        }
        if (END.test(letter)) {
          ended();
          return;
        }
        if (ERASE.test(letter)) {
          letters.pop();
        } else {
          letters.push(letter);
        }
      }
    };
    input.on('data', read).on('end', ended).resume();
  });
}
