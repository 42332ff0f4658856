// Numbers for people: medians, and a table in plain text.

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

export interface Row {
  readonly what: string;
  readonly ours: number;
  /** Undefined where nobody else is measured. */
  readonly peer: number | undefined;
  readonly unit: string;
  /** What has to be so: `ours` at least or at most that many times `peer`, or that value where there is no peer. */
  readonly hold: { readonly least: number } | { readonly most: number } | undefined;
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

/** Cells of one line: what, ours, peer, ratio, what is to hold, and whether it does. */
function cells({ what, ours, peer, unit, hold }: Row): readonly string[] {
  const ratio = peer === undefined ? undefined : ours / peer;
  const judged = ratio ?? ours;
  const isHeld = hold !== undefined && ('least' in hold ? judged >= hold.least : judged <= hold.most);
  return [
    what,
    `${short(ours)} ${unit}`,
    peer === undefined ? '-' : `${short(peer)} ${unit}`,
    ratio === undefined ? '-' : ratio.toFixed(2),
    hold === undefined ? '-' : 'least' in hold ? `at least ${hold.least}` : `at most ${hold.most}`,
    hold === undefined ? '' : isHeld ? 'held' : 'NOT HELD',
  ];
}

/** The rows under a heading, in columns. */
export function table(rows: readonly Row[]): string {
  const lines = [['what', 'ours', 'peer', 'ratio', 'to hold', ''], ...rows.map(cells)];
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
