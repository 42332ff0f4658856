// A question to whoever sits at the terminal.
import { createInterface } from 'node:readline';

/** What is asked and answered on. */
export interface Dialogue {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Gives true for yes; the end of the input and the signal are a no. Undefined where nobody sits there. */
export function asker(
  { input, output }: Dialogue,
  signal: AbortSignal,
): ((question: string) => Promise<boolean>) | undefined {
  if (input.isTTY !== true || output.isTTY !== true) {
    return undefined;
  }
  return async (question) => {
    // Without `terminal`, or Ctrl-C would come as a letter and interrupt nobody.
    const lines = createInterface({ input, output, terminal: false });
    try {
      const answer = await new Promise<string>((resolve) => {
        lines.once('close', () => resolve(''));
        const interrupted = (): void => {
          output.write('\n'); // ^C stands behind the question
          resolve('');
        };
        signal.addEventListener('abort', interrupted, { once: true });
        lines.question(`${question} [y/N] `, resolve);
      });
      return /^y(es)?$/i.test(answer.trim());
    } finally {
      lines.close();
    }
  };
}
