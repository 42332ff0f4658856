// One suite for whatever speaks Tahoe's web API: a real node is right by definition, the embedded gateway has to be
// like it.
import { after, before, describe } from 'node:test';
import { WebApi } from './web-api-client.ts';
import { directoriesContract } from './web-api-directories.ts';
import { errorsContract } from './web-api-errors.ts';
import { filesContract } from './web-api-files.ts';

export interface WebApiUnderTest extends AsyncDisposable {
  readonly url: string;
  /** The secret that content keys are made with (private/convergence). */
  convergenceSecret(): Promise<Buffer>;
}

/** Shares are 1 of 1. */
export function webApiContract(
  name: string,
  start: () => Promise<WebApiUnderTest>,
  options: { readonly skip?: string | false } = {},
): void {
  describe(name, { skip: options.skip ?? false }, () => {
    let subject: WebApiUnderTest | undefined;
    let api: WebApi | undefined;
    before(async () => {
      subject = await start();
      api = new WebApi(subject.url);
    });
    after(async () => {
      await api?.[Symbol.asyncDispose]();
      await subject?.[Symbol.asyncDispose]();
    });
    const running = (): WebApi => {
      if (!api) {
        throw new Error('not started');
      }
      return api;
    };
    filesContract(running, async () => (await subject?.convergenceSecret()) ?? Buffer.alloc(0));
    directoriesContract(running);
    errorsContract(running);
  });
}
