// Two sides measured in turn, so that what else the machine does meets both.
import { median } from './figures.ts';

export type Side<T> = (round: number) => Promise<T>;

export interface Pairs<T> {
  readonly ours: readonly T[];
  readonly peer: readonly T[];
}

/** Each side once a round; who begins changes from round to round. */
export async function inTurn<T>(rounds: number, ours: Side<T>, peer: Side<T> | undefined): Promise<Pairs<T>> {
  const got = { ours: [] as T[], peer: [] as T[] };
  for (let round = 0; round < rounds; round += 1) {
    const isPeerFirst = round % 2 === 1;
    if (peer && isPeerFirst) {
      got.peer.push(await peer(round));
    }
    got.ours.push(await ours(round));
    if (peer && !isPeerFirst) {
      got.peer.push(await peer(round));
    }
  }
  return got;
}

/** Medians of one figure of both sides; `peer` is undefined where it was not measured. */
export function medians<T>(
  { ours, peer }: Pairs<T>,
  figure: (one: T) => number,
): { readonly ours: number; readonly peer: number | undefined } {
  return { ours: median(ours.map(figure)), peer: peer.length === 0 ? undefined : median(peer.map(figure)) };
}
