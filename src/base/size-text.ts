// Sizes as people write them.

const UNITS_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/**
 * Digits with an optional K, M, G or T (or Ki ...), all powers of 1024; `0` and `off` = Infinity, no limit. Undefined where
 * it is no size.
 */
export function sizeBytesOf(text: string): number | undefined {
  if (text.toLowerCase() === 'off') {
    return Number.POSITIVE_INFINITY;
  }
  const match = /^(\d{1,15})(?:([KMGT])i?)?$/i.exec(text);
  const bytes = Number(match?.[1]) * (UNITS_BYTES[(match?.[2] ?? '').toUpperCase()] ?? 1);
  if (!match || !Number.isSafeInteger(bytes)) {
    return undefined;
  }
  return bytes === 0 ? Number.POSITIVE_INFINITY : bytes;
}
