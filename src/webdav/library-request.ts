// What the library sees of a request: its method, and nothing else of it. Left to itself it goes through all headers five
// times, sets some that aren't ours (CORS for everybody), and prints the errors of answers to the console. Our handlers
// have the request itself.
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Without a Depth it throws and catches an error of its own for each request: a fifth of the time of a small GET. */
const HEADERS = { depth: '0' };

/** A path that no answer depends on: the library knows one file system, and asks it only for an Allow header. */
const SOME_PATH = '/-';

/** Stands for one request, and for no other. */
export function libraryRequest(method: string | undefined): IncomingMessage {
  return { method, url: SOME_PATH, headers: HEADERS } as unknown as IncomingMessage;
}

/** Whatever the library wants to say is dropped; that it ends the answer is passed on. */
export function libraryResponse(response: ServerResponse): ServerResponse {
  return new SilentResponse(response) as unknown as ServerResponse;
}

class SilentResponse {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  setHeader(): void {}

  on(): void {}

  end(): void {
    this.#response.end();
  }

  destroy(): void {
    this.#response.destroy();
  }
}
