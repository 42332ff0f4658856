// Who comes in, and to what: everybody or one account to one root, or many accounts to what the accounts file says.

import { AccountViews, type AccountViewsParts } from './account-views.ts';
import type { Account, Principal } from './accounts/account.ts';
import { OWN_ROOT } from './accounts/accounts-file.ts';
import { type AccountMap, AccountsSource } from './accounts/accounts-source.ts';
import { Logins } from './accounts/logins.ts';
import { FsError } from './base/errors.ts';
import type { Closers } from './closers.ts';
import type { Config } from './config.ts';
import type { AccountsPlace } from './config-accounts.ts';
import type { FrontOptions } from './http/front.ts';
import { inBackground } from './in-background.ts';
import { rootIdOfCap } from './open-mount.ts';
import { warnOfOrphans } from './orphans.ts';
import { hashPassword } from './seal/password.ts';
import { withoutLitter } from './views/litter-refusing-tree.ts';
import { DavServer } from './webdav/dav-server.ts';

export interface Door extends Pick<FrontOptions<Principal>, 'authenticate' | 'handle' | 'syncOf'> {
  readonly reload: () => Promise<void>;
}

type RootParts = Omit<AccountViewsParts, 'ownRoot' | 'litter'>;

export interface AccountsParts extends AccountViewsParts {
  readonly cacheDir: string;
}

/** One root, for everybody or for the account of --user. */
export async function openRoot(config: Config, rootCap: string, parts: RootParts): Promise<Door> {
  const { mounts, log, clock } = parts;
  const { tree, sync, syncStateOf } = await mounts.open(rootCap);
  const server = new DavServer({ ...parts, tree: withoutLitter(tree, config.litter), syncStateOf });
  const logins = config.account && (await Logins.create(await soleAccount(config.account), { clock, log }));
  return {
    authenticate: logins && loginBy(logins),
    handle: (request, response, principal, address) => server.handle(request, response, principal, address),
    syncOf: () => sync,
    reload: async () => undefined,
  };
}

/** Many accounts; whoever waits to be removed goes when nothing of it waits for the grid. */
export async function openAccounts(
  place: AccountsPlace,
  parts: AccountsParts,
  closers: Closers,
): Promise<Door> {
  const { mounts, log, clock } = parts;
  const source = await AccountsSource.open({ ...place, log, clock });
  const views = new AccountViews(parts);
  const logins = await Logins.create(source.accounts, { clock, log });
  const dropLeft = async (accounts: AccountMap): Promise<void> => {
    const stays = new Set(views.capsOf(present(accounts)).map(rootIdOfCap));
    const waits = new Set(mounts.rootIds.filter((rootId) => !stays.has(rootId)));
    const gone = [...accounts.values()].filter(
      (account) => account.isLeaving && !views.capsOf([account]).some((cap) => waits.has(rootIdOfCap(cap))),
    );
    await source.drop(gone.map(({ name }) => name));
  };
  const take = async (accounts: AccountMap): Promise<void> => {
    const [all, wanted] = [views.capsOf(accounts.values()), views.capsOf(present(accounts))];
    // Nobody is let in by the old rights while mounts come and go.
    logins.update(accounts);
    views.update(accounts);
    await mounts.update(all); // what the leaving ones changed still goes to the grid
    await mounts.update(wanted);
    await dropLeft(accounts);
  };
  await take(source.accounts);
  inBackground(
    warnOfOrphans(parts.cacheDir, mounts.rootIds, log),
    log,
    'the cache directory can not be looked through',
  );
  mounts.onLeft(() => {
    dropLeft(source.accounts).catch((error: unknown) => {
      log.warn({ err: error }, 'a removed account could not be taken out of the accounts file');
    });
  });
  source.watch(take);
  closers.add(() => source.stop());
  return {
    authenticate: loginBy(logins),
    handle: async (request, response, principal, address) => {
      if (principal === undefined) {
        throw new Error('internal: nobody comes in without an account');
      }
      await views.serverOf(principal).handle(request, response, principal, address);
    },
    syncOf: (principal) => (principal ? views.syncOf(principal) : new Map()),
    reload: () => source.reload(),
  };
}

function loginBy(logins: Logins): NonNullable<Door['authenticate']> {
  return async (asker) => {
    if (asker.user === undefined) {
      return await logins.authenticate(asker);
    }
    const principal = logins.principalOf(asker.user);
    if (principal === undefined) {
      throw new FsError('denied', 'the one that the proxy vouches for has no account');
    }
    return principal;
  };
}

function present(accounts: AccountMap): readonly Account[] {
  return [...accounts.values()].filter(({ isLeaving }) => !isLeaving);
}

async function soleAccount(account: NonNullable<Config['account']>): Promise<AccountMap> {
  const name = account.name.normalize('NFC');
  const only: Account = {
    name,
    password: await hashPassword(account.password.normalize('NFC')),
    isReadOnly: false,
    quotaBytes: Number.POSITIVE_INFINITY,
    mounts: [{ path: [], cap: OWN_ROOT, isReadOnly: false }],
    tokens: [],
    isLeaving: false,
  };
  return new Map([[name, only]]);
}
