// What the suites of the web API ask, in short words; every answer is looked at by the test that asked.
import assert from 'node:assert/strict';
import { type RawAnswer, RawHttp, type RawOptions } from './raw-http.ts';

export type Metadata = Record<string, unknown>;

export interface ListedChild {
  readonly type: string;
  readonly properties: Record<string, unknown>;
  readonly metadata: Metadata;
}

export interface NewEntry {
  readonly rw_uri?: string;
  readonly ro_uri?: string;
  readonly metadata?: unknown;
}

/** Names may be `__proto__`, so no object literal may carry them. */
export function childrenJson(entries: Iterable<readonly [string, NewEntry]>): string {
  return `{${[...entries].map(([name, entry]) => `${JSON.stringify(name)}: ["unknown", ${JSON.stringify(entry)}]`)}}`;
}

export function uri(cap: string, ...names: readonly string[]): string {
  return ['/uri', cap, ...names].map((part, i) => (i === 0 ? part : encodeURIComponent(part))).join('/');
}

export class WebApi extends RawHttp {
  /** Asks and insists on a status. */
  async want(status: number, method: string, target: string, options: RawOptions = {}): Promise<RawAnswer> {
    const answer = await this.ask(method, target, options);
    if (answer.status !== status) {
      assert.equal(answer.status, status, `${method} ${target}: ${answer.text.slice(-300)}`);
    }
    return answer;
  }

  async store(body: string | Buffer, query = ''): Promise<string> {
    return (await this.want(200, 'PUT', `/uri${query}`, { body })).text;
  }

  async makeDirectory(entries?: Iterable<readonly [string, NewEntry]>): Promise<string> {
    return entries === undefined
      ? (await this.want(200, 'POST', '/uri?t=mkdir')).text
      : (await this.want(200, 'POST', '/uri?t=mkdir-with-children', { body: childrenJson(entries) })).text;
  }

  async json(cap: string, ...names: readonly string[]): Promise<[string, Record<string, unknown>]> {
    const { text } = await this.want(200, 'GET', `${uri(cap, ...names)}?t=json`);
    return JSON.parse(text) as [string, Record<string, unknown>];
  }

  async readCapOf(cap: string): Promise<string> {
    return String((await this.json(cap))[1]['ro_uri']);
  }

  /** Children in the order of the answer, except for integer names, which JavaScript puts first. */
  async list(dir: string): Promise<Map<string, ListedChild>> {
    const [type, { children }] = await this.json(dir);
    assert.equal(type, 'dirnode');
    const listed = new Map<string, ListedChild>();
    for (const [name, value] of Object.entries(
      children as Record<string, [string, Record<string, unknown>]>,
    )) {
      const { metadata, ...properties } = value[1];
      listed.set(name, { type: value[0], properties, metadata: metadata as Metadata });
    }
    return listed;
  }

  async child(dir: string, name: string): Promise<ListedChild> {
    const child = (await this.list(dir)).get(name);
    assert.ok(child, `no child ${name}`);
    return child;
  }

  setChildren(dir: string, entries: Iterable<readonly [string, NewEntry]>, query = ''): Promise<RawAnswer> {
    return this.ask('POST', `${uri(dir)}?t=set_children${query}`, { body: childrenJson(entries) });
  }

  async check(cap: string): Promise<{ readonly results: Record<string, unknown> } & Record<string, unknown>> {
    const { text } = await this.want(200, 'POST', `${uri(cap)}?t=check&output=JSON`);
    return JSON.parse(text) as { results: Record<string, unknown> };
  }

  /** The one version label of a mutable thing, `seq7-lbqj`. */
  async version(cap: string): Promise<string> {
    const shares = Object.keys((await this.check(cap)).results['sharemap'] as object);
    assert.equal(shares.length, 1);
    return String(shares[0]).replace(/-sh0$/, '');
  }
}

export function sequenceOf(label: string): number {
  return Number(/^seq([0-9]+)-[a-z2-7]{4}$/.exec(label)?.[1]);
}
