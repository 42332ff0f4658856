// Numbers as people read them.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `17 B`, `1.2 GiB`. */
export function showBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.96 would show as 1024.0.
  while (value >= (unit === 0 ? 1024 : 1023.95) && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `42%`; 100% is the whole only, and of nothing everything is there. */
export function showShare(part: number, whole: number): string {
  const share = whole > 0 ? Math.floor((100 * part) / whole) : 100;
  return `${Math.min(100, share)}%`;
}

/** `8 s`, `3 min 5 s`, `2 h 10 min`. */
export function showDuration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  if (hours > 0) {
    return `${hours} h ${minutes % 60} min`;
  }
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** `1 file`, `2 files`. */
export function showCount(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** `cold reads` of `coldReads`. */
export function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** The first column as wide as its longest text. */
export function alignedRows(rows: ReadonlyArray<readonly [string, string]>): readonly string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}
