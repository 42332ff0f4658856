// When a write is answered, and how it goes on to the grid from there.
import { FsError } from './base/errors.ts';
import { KEEP_LITTER, type LitterPolicy, type LitterRules } from './base/litter.ts';
import type { Settings } from './config-settings.ts';
import {
  parseChoice,
  parseCount,
  parseDelayMs,
  parseKeepMs,
  parseRates,
  parseSizeBytes,
} from './config-values.ts';

export type WriteMode = 'back' | 'through';

export interface WriteSettings {
  readonly store: 'sqlite' | 'memory';
  /** Always `through` where metadata is in memory. */
  readonly writeMode: WriteMode;
  /** After the last change of a file; 0 = at once. */
  readonly writeBackMs: number;
  /** Files that are sent at once. */
  readonly transfers: number;
  /** Undefined = no limit. */
  readonly maxDirtyBytes: number | undefined;
  /** What is answered is on stable storage; else a power cut may take what the grid has not yet. */
  readonly isFsynced: boolean;
  /** Undefined = no limit, like the next. */
  readonly uploadBytesPerSecond: number | undefined;
  readonly downloadBytesPerSecond: number | undefined;
  /** How long a stop waits for the grid to have everything; 0 = not at all. */
  readonly shutdownGraceMs: number;
  /** 0 = what was overwritten or deleted is forgotten at once. */
  readonly trashKeepMs: number;
  /** What becomes of files that nobody asked for. */
  readonly litter: LitterRules;
}

const DEFAULT_MODE: WriteMode = 'back';
const WRITE_MODES: readonly WriteMode[] = ['back', 'through'];
const DURABILITIES = ['fsync', 'os'] as const;
const LITTER_POLICIES: readonly LitterPolicy[] = ['keep', 'local', 'refuse'];
const STORES = ['sqlite:', 'memory:', 'sqlite', 'memory'] as const;

const GIB = 2 ** 30;
const DAY_MS = 24 * 3_600_000;

/** Where metadata is kept, and how changes reach the grid. */
export function readWrites(settings: Settings): WriteSettings {
  const store = settings.parsed('store', parseStore, 'sqlite');
  const asked = settings.parsed('write-mode', (text) => parseChoice(text, WRITE_MODES), DEFAULT_MODE);
  const maxDirtyBytes = settings.parsed('cache-max-dirty', parseSizeBytes, 5 * GIB);
  const rates = settings.parsed('bwlimit', parseRates, { up: Infinity, down: Infinity });
  const durability = settings.parsed('durability', (text) => parseChoice(text, DURABILITIES), 'fsync');
  const litterOf = (option: 'apple-double' | 'litter', byDefault: LitterPolicy): LitterPolicy =>
    settings.parsed(option, (text) => parseChoice(text, LITTER_POLICIES), byDefault);
  return {
    store,
    writeMode: store === 'memory' ? 'through' : asked,
    writeBackMs: settings.parsed('write-back', parseDelayMs, 5_000),
    transfers: settings.parsed('transfers', (text) => parseCount(text, 1, 100), 4),
    maxDirtyBytes: finite(maxDirtyBytes),
    isFsynced: durability === 'fsync',
    uploadBytesPerSecond: finite(rates.up),
    downloadBytesPerSecond: finite(rates.down),
    shutdownGraceMs: settings.parsed('shutdown-grace', parseDelayMs, 30_000),
    trashKeepMs: settings.parsed('trash-keep', parseKeepMs, 30 * DAY_MS),
    litter: {
      appleDouble: litterOf('apple-double', KEEP_LITTER.appleDouble),
      litter: litterOf('litter', KEEP_LITTER.litter),
    },
  };
}

/** An answer that rests on this disk needs a store that is on it. */
export function checkStore(settings: Settings, { store, writeMode, litter }: WriteSettings): void {
  const asked = settings.find('write-mode');
  if (store === 'memory' && asked !== undefined && asked.texts[0] !== writeMode) {
    throw new FsError('bad-config', '--store memory: forgets at its end what write mode back has answered', {
      hint: 'give --write-mode through, or another store',
    });
  }
  if (store === 'memory' && Object.values(litter).includes('local')) {
    throw new FsError('bad-config', '--store memory: forgets at its end what is to stay on this machine', {
      hint: 'give --apple-double and --litter keep or refuse, or another store',
    });
  }
}

function parseStore(text: string): WriteSettings['store'] {
  return parseChoice(text, STORES).startsWith('memory') ? 'memory' : 'sqlite';
}

/** Undefined = no limit. */
function finite(limit: number): number | undefined {
  return Number.isFinite(limit) ? limit : undefined;
}
