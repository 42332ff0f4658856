// A log whose lines a test can look at.
import { createLogger, type Logger } from '../../src/base/log.ts';

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export function logLines(): { readonly log: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const log = createLogger('debug', 'json', (line) => {
    lines.push(JSON.parse(line) as LogLine);
  });
  return { log, lines };
}
