// Where a process can be made to end: every call that durability rests on passes here under a name, and the process
// kills itself before the nth call of a name, or when it was done and its answer was not seen yet.
import type { Disk } from '../../src/dirty/disk.ts';
import type { MetaStore, RecordChange } from '../../src/meta/meta-store.ts';
import type { Grid } from '../../src/tahoe/grid.ts';

export interface KillPoint {
  readonly call: string;
  /** Which of the calls of that name, from 1. */
  readonly nth: number;
  readonly when: 'before' | 'after';
}

export function showPoint({ call, nth, when }: KillPoint): string {
  return `${when} ${call} ${nth}`;
}

export class KillPoints {
  /** In their order, since it was armed. */
  readonly passed: string[] = [];
  readonly #counts = new Map<string, number>();
  #isArmed = false;
  #point: KillPoint | undefined;
  #onCall: ((call: string, when: KillPoint['when']) => Promise<void>) | undefined;

  /** From now on calls count; undefined = they are only written down. */
  arm(point: KillPoint | undefined): void {
    this.#isArmed = true;
    this.#point = point;
  }

  /** Called before and after each call, which waits for it; undefined = no more. */
  onCall(listener: ((call: string, when: KillPoint['when']) => Promise<void>) | undefined): void {
    this.#onCall = listener;
  }

  async around<T>(call: string, run: () => Promise<T>): Promise<T> {
    const nth = (this.#counts.get(call) ?? 0) + Number(this.#isArmed);
    if (this.#isArmed) {
      this.#counts.set(call, nth);
      this.passed.push(call);
    }
    await this.#reached(call, nth, 'before');
    const answer = await run();
    await this.#reached(call, nth, 'after');
    return answer;
  }

  async #reached(call: string, nth: number, when: KillPoint['when']): Promise<void> {
    const point = this.#isArmed ? this.#point : undefined;
    if (point?.call === call && point.nth === nth && point.when === when) {
      process.kill(process.pid, 'SIGKILL');
    }
    await this.#onCall?.(call, when);
  }
}

/** Reads are not among the points: nothing is lost by them. */
export function killingDisk(disk: Disk, points: KillPoints): Disk {
  return {
    ...disk,
    async create(path) {
      const file = await points.around('disk create', () => disk.create(path));
      return {
        writev: (parts, offset) => points.around('disk write', () => file.writev(parts, offset)),
        datasync: () => points.around('disk datasync', () => file.datasync()),
        close: () => points.around('disk close', () => file.close()),
      };
    },
    async openFolder(path) {
      const folder = await disk.openFolder(path);
      return { ...folder, sync: () => points.around('disk sync folder', () => folder.sync()) };
    },
    unlink: (path) => points.around('disk unlink', () => disk.unlink(path)),
  };
}

/** A commit is called by the kinds of its records: `commit +pending -edit`. */
export function killingStore(store: MetaStore, points: KillPoints): MetaStore {
  return {
    get: (key) => store.get(key),
    scan: (prefix) => store.scan(prefix),
    commit: (changes, guards) =>
      points.around(`commit ${kindsOf(changes)}`, () => store.commit(changes, guards)),
    close: () => store.close(),
  };
}

function kindsOf(changes: readonly RecordChange[]): string {
  const kinds = changes.map(
    ({ key, value }) => (value === undefined ? '-' : '+') + (key.split('/')[0] ?? ''),
  );
  return [...new Set(kinds)].sort().join(' ');
}

export function killingGrid(grid: Grid, points: KillPoints): Grid {
  return {
    read: (...args) => grid.read(...args),
    mutableSize: (...args) => grid.mutableSize(...args),
    space: (...args) => grid.space(...args),
    upload: (...args) => points.around('grid upload', () => grid.upload(...args)),
    overwrite: (...args) => points.around('grid overwrite', () => grid.overwrite(...args)),
    list: (...args) => points.around('grid list', () => grid.list(...args)),
    check: (...args) => points.around('grid check', () => grid.check(...args)),
    makeDirectory: (...args) => points.around('grid makeDirectory', () => grid.makeDirectory(...args)),
    setChildren: (...args) => points.around('grid setChildren', () => grid.setChildren(...args)),
    unlink: (...args) => points.around('grid unlink', () => grid.unlink(...args)),
  };
}
