// The connections to one node: reads and writes apart, so that neither waits behind the other. Requests carry a raw
// path: whatever parses URLs folds `..` in caps' and names' places (a child may be called so).
import { type Dispatcher, Pool } from 'undici';

export interface PoolOptions {
  /** http://HOST:PORT, as in a node's `node.url`; a path behind it is kept in front of all others. */
  readonly nodeUrl: string;
  /** The node listens on this unix socket instead; nodeUrl then only names it. */
  readonly socketPath?: string | undefined;
  readonly maxConnections: number;
}

export type Side = 'read' | 'write';

/** How `maxConnections` are shared: half for reads, half for writes, at least one each. */
export function connectionsOf(maxConnections: number, side: Side): number {
  const half = side === 'read' ? Math.ceil(maxConnections / 2) : Math.floor(maxConnections / 2);
  return Math.max(1, half);
}

/** Loopback answers at once or never; a node elsewhere may take a moment. */
const CONNECT_MS = 10_000;

export class Pools {
  readonly #pools: Readonly<Record<Side, Pool>>;
  readonly #prefix: string;

  constructor(options: PoolOptions) {
    const url = new URL(options.nodeUrl);
    const open = (side: Side): Pool =>
      new Pool(url.origin, {
        connections: connectionsOf(options.maxConnections, side),
        pipelining: 1,
        connect: {
          timeout: CONNECT_MS,
          ...(options.socketPath === undefined ? {} : { socketPath: options.socketPath }),
        },
      });
    this.#pools = { read: open('read'), write: open('write') };
    this.#prefix = url.pathname.replace(/\/+$/, '');
  }

  request(side: Side, options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData> {
    return this.#pools[side].request({ ...options, path: this.#prefix + options.path });
  }

  /** Ends all connections; what runs on them fails. */
  async close(): Promise<void> {
    await Promise.all([this.#pools.read.destroy(), this.#pools.write.destroy()]);
  }
}
