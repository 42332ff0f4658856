// The one pino instance, on stderr. Whatever is logged passes a mask first: no cap, token or password leaves here.
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';

export type { Logger };
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

// A cap, plain or percent-encoded (also twice), as far as it reaches; an app token; whatever an Authorization header
// holds, also in JSON; what stands before the @ in a URL; and what is called a password.
const SECRETS = [
  /URI(?::|%(?:25)*3[Aa])[A-Za-z0-9-]+(?:(?::|%(?:25)*3[Aa])[A-Za-z0-9]*)*/gi,
  /\btwd_[A-Za-z0-9_-]+/g,
  /(?<=\bauthorization(?:\\?")?\s*[:=]\s*(?:\\?")?)(?!Digest\b)[^\s"\\][^"\\\r\n]*/gi,
  /\bDigest\s+(?:\w+=(?:\\?"[^"\\]*\\?"|[^\s,"\\]+)(?:,\s*)?)+/gi,
  /\b(?:Basic|Bearer|Digest)\s+[A-Za-z0-9+/=._~-]+/gi,
  /(?<=:\/\/)[^\s/@":]*:[^\s/@"]*(?=@)/g,
  /(?<=\bpass(?:word|phrase)(?:=|\\?"\s*:\s*\\?"))[^\s"\\&,]+/gi,
];

/** `text` with every cap and credential in it replaced. */
export function maskSecrets(text: string): string {
  return SECRETS.reduce((masked, pattern) => masked.replace(pattern, '[secret]'), text);
}

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

/** Paths and headers are others' text: no byte of theirs begins a line or moves the terminal's cursor. */
export function visible(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (letter) => {
    return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** One readable line for a record in pino's JSON form. */
export function formatText(line: string): string {
  const { level, time, msg, stack: _stack, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = Object.entries(rest)
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('');
  const name = LEVEL_NAMES[Number(level)] ?? String(level);
  return `${visible(`${String(time)} ${name}: ${String(msg ?? '')}${fields}`)}\n`;
}

/** The message chain of an error, outermost first. A stack only for bugs: users' mistakes have none. */
function describe(error: unknown): unknown {
  if (!(error instanceof Error)) {
    return error;
  }
  const messages: string[] = [];
  for (let e: unknown = error; e instanceof Error && messages.length < 5; e = e.cause) {
    messages.push(e.message || e.name);
  }
  const isBug = error.name !== 'FsError' && !('code' in error);
  return isBug ? { message: messages.join(': '), stack: error.stack } : messages.join(': ');
}

/** The process's logger; `write` gets each finished line (stderr in the product). */
export function createLogger(
  level: LogLevel,
  format: 'text' | 'json',
  write: (line: string) => void,
): Logger {
  const destination: DestinationStream = {
    write: (line) => write(maskSecrets(format === 'json' ? line : formatText(line))),
  };
  return pino(
    { level, base: null, timestamp: stdTimeFunctions.isoTime, serializers: { err: describe } },
    destination,
  );
}
