// A comparison of several parts: those named as arguments, or all of them, and one table.
import { type Row, table } from './figures.ts';

export async function runParts(
  parts: Readonly<Record<string, () => Promise<readonly Row[]>>>,
): Promise<void> {
  const asked = process.argv.slice(2);
  const unknown = asked.find((name) => parts[name] === undefined);
  if (unknown !== undefined) {
    console.error(`no part "${unknown}" of the comparison; there are ${Object.keys(parts).join(', ')}`);
    process.exitCode = 2;
    return;
  }
  const rows: Row[] = [];
  for (const [name, measure] of Object.entries(parts)) {
    if (asked.length === 0 || asked.includes(name)) {
      console.error(`measuring: ${name}`);
      rows.push(...(await measure()));
    }
  }
  console.log(table(rows));
}
