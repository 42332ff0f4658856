// Maps in the order of last use, with a bound.

/** Drops entries from the beginning of `map` until it has at most `most`; `onDropped` is told each value. */
export function dropOldest<K, V>(map: Map<K, V>, most: number, onDropped?: (value: V) => void): void {
  for (const [key, value] of map) {
    if (map.size <= most) {
      return;
    }
    map.delete(key);
    onDropped?.(value);
  }
}
