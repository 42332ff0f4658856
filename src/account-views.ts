// What each account sees, and by which of its tokens: a tree made of its mounts, and a WebDAV server over it. Made when
// somebody asks first, and anew whenever the accounts change; requests that run keep what they began with.
import type { Account, AccountMount, Principal } from './accounts/account.ts';
import { OWN_ROOT } from './accounts/accounts-file.ts';
import type { AccountMap } from './accounts/accounts-source.ts';
import { FsError } from './base/errors.ts';
import type { LitterRules } from './base/litter.ts';
import { isWithin, showPath } from './base/path.ts';
import type { Tree } from './inode/tree.ts';
import type { MountSet } from './mount-set.ts';
import { isWriteCap, rootIdOfCap } from './open-mount.ts';
import type { SyncControl } from './sync/sync-control.ts';
import { withoutLitter } from './views/litter-refusing-tree.ts';
import { viewOf } from './views/mount-tree.ts';
import { QuotaTree } from './views/quota-tree.ts';
import { SubTree } from './views/sub-tree.ts';
import type { Usage } from './views/usage.ts';
import { UnderWay } from './webdav/changes.ts';
import { DavServer, type DavServerOptions } from './webdav/dav-server.ts';

export interface AccountViewsParts extends Omit<DavServerOptions, 'tree' | 'syncStateOf' | 'underWay'> {
  readonly mounts: MountSet;
  /** What is served without accounts; undefined where that is not said. */
  readonly ownRoot: string | undefined;
  readonly litter: LitterRules;
}

const SYNCED = 'synced';

export class AccountViews {
  readonly #parts: AccountViewsParts;
  readonly #underWay = new UnderWay();
  readonly #bornAtMs: number;
  #accounts: AccountMap = new Map();
  /** By account, rights and path. */
  #servers = new Map<string, DavServer>();
  /** The same by the principal itself, which is one object as long as its credentials are known. */
  #known = new WeakMap<Principal, DavServer>();

  constructor(parts: AccountViewsParts) {
    this.#parts = parts;
    this.#bornAtMs = parts.clock.now();
  }

  /** The caps of all mounts of these accounts. Throws `bad-config` where one names a root that is not said. */
  capsOf(accounts: Iterable<Account>): readonly string[] {
    return [...accounts].flatMap((account) =>
      account.mounts.map(({ cap }) => this.#capOf(cap, account.name)),
    );
  }

  update(accounts: AccountMap): void {
    this.#accounts = accounts;
    this.#servers = new Map();
    this.#known = new WeakMap();
  }

  serverOf(principal: Principal): DavServer {
    const known = this.#known.get(principal);
    if (known) {
      return known;
    }
    const key = JSON.stringify([principal.name, principal.isReadOnly, principal.path]);
    let server = this.#servers.get(key);
    if (server === undefined) {
      server = this.#make(principal);
      this.#servers.set(key, server);
    }
    this.#known.set(principal, server);
    return server;
  }

  /** By the paths of its mounts; those that can't be served just now are left out. Nothing for a part of what it sees. */
  syncOf({ name, path: boundTo }: Principal): ReadonlyMap<string, SyncControl> {
    const found = new Map<string, SyncControl>();
    const mounts = boundTo.length === 0 ? this.#accounts.get(name)?.mounts : undefined;
    for (const { path, cap } of mounts ?? []) {
      const mount = this.#parts.mounts.get(this.#capOf(cap, name));
      if (mount) {
        found.set(showPath(path), mount.sync);
      }
    }
    return found;
  }

  #make(principal: Principal): DavServer {
    const { mounts } = this.#parts;
    const account = this.#accounts.get(principal.name);
    const caps = account ? this.capsOf([account]) : [];
    const states = caps.map((cap) => mounts.syncStateOf(cap));
    return new DavServer({
      ...this.#parts,
      tree: this.#treeOf(principal, account),
      underWay: this.#underWay,
      syncStateOf: (resource) =>
        states.map((stateOf) => stateOf(resource)).find((state) => state !== SYNCED) ?? SYNCED,
    });
  }

  #treeOf({ name, isReadOnly, path }: Principal, account: Account | undefined): Tree {
    const trees = (account?.mounts ?? []).map((mount) => {
      const cap = this.#capOf(mount.cap, name);
      // The mount itself may be open by a write cap that another account has.
      const mayOnlyRead = isReadOnly || mount.isReadOnly || !isWriteCap(cap);
      return { path: mount.path, tree: this.#parts.mounts.treeOf(cap), isReadOnly: mayOnlyRead };
    });
    const seen = viewOf(trees, { viewId: name, bornAtMs: this.#bornAtMs });
    const whole = withoutLitter(account ? this.#limited(seen, account) : seen, this.#parts.litter);
    return path.length === 0 ? whole : new SubTree(whole, path);
  }

  /** The files in all mounts that it may write count. */
  #limited(tree: Tree, { name, quotaBytes, mounts, isReadOnly }: Account): Tree {
    const counted = mounts
      .filter((mount) => !mount.isReadOnly && !isReadOnly)
      .map(({ path, cap }) => ({ path, cap: this.#capOf(cap, name) }))
      .filter(({ cap }) => isWriteCap(cap))
      .sort((a, b) => b.path.length - a.path.length);
    if (!Number.isFinite(quotaBytes) || counted.length === 0) {
      return tree;
    }
    const usageOf = (cap: string): Usage | undefined => this.#parts.mounts.get(cap)?.usage();
    const caps = [...new Map(counted.map(({ cap }) => [rootIdOfCap(cap), cap])).values()];
    return new QuotaTree(tree, {
      limitBytes: quotaBytes,
      usages: () => caps.flatMap((cap) => usageOf(cap) ?? []),
      usageAt: (at) => {
        const holder = mounts
          .filter(({ path }) => isWithin(at, path))
          .reduce<AccountMount | undefined>(
            (best, mount) => (best && best.path.length >= mount.path.length ? best : mount),
            undefined,
          );
        const mine = counted.find(({ path }) => holder && showPath(path) === showPath(holder.path));
        return mine && usageOf(mine.cap);
      },
    });
  }

  #capOf(cap: string, name: string): string {
    if (cap !== OWN_ROOT) {
      return cap;
    }
    const { ownRoot } = this.#parts;
    if (ownRoot === undefined) {
      throw new FsError(
        'bad-config',
        `the account ${JSON.stringify(name)} is to see the root, and which one is not said`,
        {
          hint: 'give --rootcap-file FILE or --alias NAME, or the account a cap of its own',
        },
      );
    }
    return ownRoot;
  }
}
