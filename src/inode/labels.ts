// What the label of a listing says: sequence number and start of the root hash, `seq7-lbqj`.

/** The number in `seq7-lbqj`. */
export function sequenceNumber(version: string | undefined): number | undefined {
  const digits = version && /^seq(\d+)-/.exec(version)?.[1];
  return digits ? Number(digits) : undefined;
}

/** Every write of a dirnode makes its number one higher. */
export function writesBetween(before: string | undefined, after: string | undefined): number | undefined {
  const first = sequenceNumber(before);
  const last = sequenceNumber(after);
  return first === undefined || last === undefined ? undefined : last - first;
}
