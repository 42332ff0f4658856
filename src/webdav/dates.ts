// Times as HTTP and WebDAV write them: whole seconds, GMT, and always a valid date whatever the grid says. One that a
// client sets is kept to the millisecond. What is finer is cut off, never rounded up, in as well as out: so a time is
// never shown as a later second than was set, and one that was read and set again stays the same.

const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59);
// Of the day also one digit, as RFC 1123 had it and WinSCP writes it.
const IMF_OR_RFC850 = /^[A-Z][a-z]{2,8}, \d{1,2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

function wholeSeconds(ms: number): number {
  const clamped = Number.isFinite(ms) ? Math.min(Math.max(ms, 0), LAST_MS) : 0;
  return Math.floor(clamped / 1000) * 1000;
}

/** The moment of `Last-Modified`, to the second and never later than `nowMs` (RFC 9110, 8.8.2.1). */
export function lastModifiedMs(modifiedAtMs: number, nowMs: number): number {
  return wholeSeconds(Math.min(modifiedAtMs, nowMs));
}

/** RFC 1123: `Sun, 06 Nov 1994 08:49:37 GMT`. */
export function httpDate(ms: number): string {
  return new Date(wholeSeconds(ms)).toUTCString();
}

/** ISO 8601: `1994-11-06T08:49:37Z`. */
export function isoDate(ms: number): string {
  return `${new Date(wholeSeconds(ms)).toISOString().slice(0, 19)}Z`;
}

/** The last moment that a time set by a client may have; the first is 1970. */
const LAST_SET_MS = Date.UTC(9999, 11, 31);
const ISO = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/i;

const SECONDS = /^(\d{1,13})(?:\.(\d{1,9}))?$/;

/** `ms` where a resource can have it for its time; undefined for any other. */
export function settableTime(ms: number | undefined): number | undefined {
  return ms !== undefined && ms >= 0 && ms <= LAST_SET_MS ? ms : undefined;
}

/** Seconds since 1970, maybe with a fraction, in ms; undefined for anything else. */
export function parseSeconds(text: string): number | undefined {
  const [, seconds, fraction = ''] = SECONDS.exec(text.trim()) ?? [];
  return seconds === undefined ? undefined : Number(seconds) * 1000 + wholeMs(fraction);
}

/** ISO 8601 as RFC 3339 has it, in ms; undefined for anything else. */
export function parseIsoDate(text: string): number | undefined {
  const [, moment = '', fraction = '', zone = ''] = ISO.exec(text.trim()) ?? [];
  const ms = Date.parse(moment + zone);
  return Number.isNaN(ms) ? undefined : ms + wholeMs(fraction);
}

/** Of a fraction of a second, by its digits: what is finer is cut off. */
function wholeMs(fraction: string): number {
  return Number(fraction.slice(0, 3).padEnd(3, '0'));
}

/** One of HTTP's three date forms, in ms; undefined for anything else, which a condition then ignores. */
export function parseHttpDate(text: string): number | undefined {
  const value = text.trim();
  // Date.parse takes a date without a zone for local time: asctime's form means GMT.
  const withZone = ASCTIME.test(value) ? `${value} GMT` : IMF_OR_RFC850.test(value) ? value : undefined;
  const ms = withZone === undefined ? Number.NaN : Date.parse(withZone);
  return Number.isNaN(ms) ? undefined : ms;
}
