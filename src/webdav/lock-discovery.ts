// The locks that a listing shows of its entries: each one's own, and those of infinite depth from above, which are
// gathered once for all entries of a directory.
import type { Resource } from '../inode/tree.ts';
import type { Exchange } from './exchange.ts';
import { stepsOf } from './guards.ts';
import type { Lock } from './lock-set.ts';
import { activeLocks } from './lock-xml.ts';
import type { LockTable } from './locks.ts';

export class LockDiscovery {
  /** Undefined where nothing was locked when the listing began. */
  readonly #table: LockTable | undefined;
  readonly #baseUrl: string;
  /** What covers all entries of this directory. */
  readonly #above: readonly Lock[];
  #aboveXml: string | undefined;

  private constructor(table: LockTable | undefined, baseUrl: string, above: readonly Lock[]) {
    this.#table = table;
    this.#baseUrl = baseUrl;
    this.#above = above;
  }

  /** For what the request names. */
  static async open(exchange: Exchange): Promise<LockDiscovery> {
    const { baseUrl } = exchange;
    const { locks } = exchange.parts;
    const steps = await stepsOf(exchange, exchange.url);
    return steps === undefined
      ? new LockDiscovery(undefined, baseUrl, [])
      : new LockDiscovery(locks, baseUrl, [...locks.standing.covering(steps.slice(0, -1))].filter(isDeep));
  }

  /** For the children of `resource`. */
  below(resource: Resource): LockDiscovery {
    const deep = this.#own(resource).filter(isDeep);
    return deep.length === 0 ? this : new LockDiscovery(this.#table, this.#baseUrl, this.#with(deep));
  }

  /** The value of the property lockdiscovery. */
  valueFor(resource: Resource): string {
    const own = this.#own(resource);
    if (own.length > 0) {
      return this.#xml(this.#with(own));
    }
    this.#aboveXml ??= this.#xml(this.#above);
    return this.#aboveXml;
  }

  #own({ kind, placeId, inodeId }: Resource): readonly Lock[] {
    return this.#table?.standing.rootedAt(placeId, kind === 'directory' ? inodeId : undefined) ?? [];
  }

  #with(own: readonly Lock[]): readonly Lock[] {
    return [...new Set([...own, ...this.#above])];
  }

  #xml(locks: readonly Lock[]): string {
    const table = this.#table;
    return table === undefined ? '' : activeLocks(locks, this.#baseUrl, (lock) => table.remainingMs(lock));
  }
}

function isDeep({ depth }: Lock): boolean {
  return depth === 'infinity';
}
