// What our own commands and the running server say to each other over its control socket, and where that lies.
//
//   POST /<version>/<call>                         a method of CacheControl or SyncControl
//   {"paths":[["a","b"]],"isRecursive":false,"isRepair":false,"keepsCopy":true,"id":"","olderThanMs":0}
//
//   200, and a JSON document on each line, all of it ASCII; what is undefined is null:
//   {"value":...}                                  as often as the call gives something
//   {"end":true}                                   last line: it is done
//   {"error":{"code":"...","message":"...","hint":"..."}}     or last line: it failed
//
// A request that can't be understood gets the last form alone, with another status. Without a last line the other side
// went away in the middle. The client ends the connection to stop the work.
import { FsError, isErrorCode, systemCode } from '../base/errors.ts';
import { maskSecrets } from '../base/log.ts';
import type { TreePath } from '../base/path.ts';
import type { CacheControl } from '../inode/cache-control.ts';
import type { SyncControl } from '../sync/sync-control.ts';

export const CONTROL_VERSION = 1;

/** In the folder of the root, or in one that only its owner may enter. */
export const SOCKET_NAME = 'control.sock';
/** In the folder of the root: one line, the path of the socket where it lies elsewhere. */
export const POINTER_NAME = 'control';

export type ControlCall = keyof CacheControl | keyof SyncControl;

export interface ControlAsk {
  readonly paths: readonly TreePath[];
  readonly isRecursive: boolean;
  readonly isRepair: boolean;
  readonly keepsCopy: boolean;
  /** Of an entry of the trash. */
  readonly id: string;
  readonly olderThanMs: number;
}

export type ControlLine =
  | { readonly value: unknown }
  | { readonly end: true }
  | { readonly error: ControlError };

export interface ControlError {
  /** One of FsError, or `internal`. */
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

// The address of a unix socket has 108 bytes on Linux and 104 on the BSDs, the last of which ends it.
const ADDRESS_MAX_BYTES = process.platform === 'linux' ? 107 : 103;

export function fitsAddress(path: string): boolean {
  return Buffer.byteLength(path) <= ADDRESS_MAX_BYTES;
}

/** ASCII JSON and a line's end. */
export function encodeLine(line: ControlLine | ControlAsk): string {
  const json = JSON.stringify(line, (_key, value: unknown) => (value === undefined ? null : value));
  const ascii = json.replace(/[\u007f-\uffff]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `${ascii}\n`;
}

/** Of a bug nothing is told but that there is one: the server's log has the rest. */
export function encodeError(error: unknown): ControlError {
  if (error instanceof FsError) {
    const { code, message, hint } = error;
    return { code, message: maskSecrets(message), hint: hint === undefined ? null : maskSecrets(hint) };
  }
  if (error instanceof Error && systemCode(error) !== undefined) {
    return { code: 'unavailable', message: maskSecrets(error.message), hint: null };
  }
  return { code: 'internal', message: 'the running server failed; its own log says where', hint: null };
}

export function decodeError({ code, message, hint }: ControlError): Error {
  if (!isErrorCode(code)) {
    return new Error(`internal: ${message}`);
  }
  return new FsError(code, message, hint === null ? {} : { hint });
}
