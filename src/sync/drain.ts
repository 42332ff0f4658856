// The end of a server: a last time in which what waits may still reach the grid.
import type { Clock } from '../base/clock.ts';
import { hasCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { FlushReport, SyncControl } from './sync-control.ts';

/** Nobody waits longer for a grid that does not answer: what waits is safe here, and the machine is to be switched off. */
const AWAY_MS = 5_000;

/**
 * Waits until everything is on the grid, only parked edits are left, the grid has been away for a while, or `graceMs` is
 * over; says what is left.
 */
export async function drain(
  sync: SyncControl,
  graceMs: number,
  { log, clock }: { readonly log: Logger; readonly clock: Clock },
): Promise<void> {
  if (graceMs <= 0) {
    return;
  }
  const [over, done] = [new AbortController(), new AbortController()];
  // A sleep, because it keeps a process that has nothing else left: the listeners are closed.
  const timer = clock.sleep(graceMs, done.signal).then(
    () => over.abort(),
    () => undefined,
  );
  let last: FlushReport | undefined;
  let wasUpAtMs = clock.monotonicMs();
  try {
    for await (const report of sync.flush([], over.signal)) {
      if (!last && !report.isDone) {
        const { totalEdits: edits, totalBytes: bytes } = report;
        log.info(
          { edits, bytes, graceMs },
          'waiting for changes to reach the grid; a second Ctrl-C ends at once',
        );
      }
      last = report;
      if (report.isDone || (await sync.status()).isGridUp) {
        wasUpAtMs = clock.monotonicMs();
      } else if (clock.monotonicMs() - wasUpAtMs >= AWAY_MS) {
        log.warn('the grid does not answer: the stop does not wait for it');
        break;
      }
    }
  } catch (error) {
    if (!over.signal.aborted || !hasCode(error, 'aborted')) {
      log.warn({ err: error }, 'what waits could not be brought to the grid'); // it is kept: the stop goes on
    }
  } finally {
    done.abort();
    await timer;
  }
  const edits = last ? last.totalEdits - last.doneEdits : 0;
  if (edits > 0) {
    log.warn({ edits }, 'not everything is on the grid yet: it is kept here, and goes on at the next start');
  }
}
