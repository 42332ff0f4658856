// What kind of content a name or a client's word stands for.
import { extname } from 'node:path';
import { lookup } from 'mime-types';

const UNKNOWN = 'application/octet-stream';
// type/subtype with parameters; what is passed on ends up in a header and in XML.
const MEDIA_TYPE =
  /^[\w!#$&^.+-]{1,80}\/[\w!#$&^.+-]{1,80}(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[\w !#$&^.+:;/=-]*"))*$/;

/** A guess from the extension. A name without a dot says nothing (`f` is no Fortran). */
function guess(name: string): string {
  const extension = extname(name);
  return (extension !== '' && lookup(extension)) || UNKNOWN;
}

/**
 * The Content-Type of a file. Text is UTF-8 unless it says otherwise inside: HTML and XML name their own encoding, and a
 * charset here would override it.
 */
export function mediaType(name: string, stored: string | undefined): string {
  const type = stored ?? guess(name);
  return /^text\/(?!html|xml)[^;]*$/.test(type) ? `${type}; charset=utf-8` : type;
}

/**
 * What of a PUT's Content-Type is worth keeping: nothing where it is what the name says anyway, what every client says
 * of everything (octet-stream, a form), or no media type at all.
 */
export function keptMediaType(name: string, sent: string | undefined): string | undefined {
  const type = sent?.trim() ?? '';
  const essence = type.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const isSilent = essence === UNKNOWN || essence === 'application/x-www-form-urlencoded';
  return !isSilent && MEDIA_TYPE.test(type) && essence !== guess(name) ? type : undefined;
}
