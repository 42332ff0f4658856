// Names for what is put beside something that has its name already: the extension stays, and the length is kept to.

/** What names may have; servers and clients count bytes. */
const MAX_NAME_BYTES = 255;

/** `letter.odt` with ` (older 1)`: `letter (older 1).odt`. */
export function besideName(name: string, suffix: string): string {
  const dot = name.lastIndexOf('.');
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  const tail = suffix + extension;
  const room = MAX_NAME_BYTES - Buffer.byteLength(tail);
  return (room > 0 ? cut(stem, room) + tail : cut(stem + tail, MAX_NAME_BYTES)).normalize('NFC');
}

/** `2026-11-28 10.31.22`, UTC: may stand in a name everywhere. */
export function timeInName(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '.');
}

/** As many whole characters as fit into `maxBytes`. */
function cut(text: string, maxBytes: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxBytes) {
      break;
    }
    end += character.length;
  }
  return text.slice(0, end);
}
