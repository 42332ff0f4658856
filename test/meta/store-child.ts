// Runs store-process.ts and listens to it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export class StoreChild implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #onLine: () => void = () => undefined;

  constructor(mode: 'hold' | 'load', file: string, start = 0) {
    const program = fileURLToPath(new URL('store-process.js', import.meta.url));
    const child = spawn(process.execPath, [program, mode, file, String(start)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    this.#ended = once(child, 'close').then(([code]) => code as number | null);
    createInterface(child.stdout).on('line', (line) => {
      this.lines.push(line);
      this.#onLine();
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Waits until it has said `count` lines; rejects when it ends before. */
  async said(count: number): Promise<void> {
    const enough = new Promise<void>((resolve) => {
      this.#onLine = () => (this.lines.length >= count ? resolve() : undefined);
      this.#onLine();
    });
    const tooFew = this.#ended.then(() => {
      if (this.lines.length < count) {
        throw new Error(`it ended after ${JSON.stringify(this.lines)}`);
      }
    });
    await Promise.race([enough, tooFew]);
  }

  /** Its exit code. */
  async ended(): Promise<number | null> {
    return await this.#ended;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
