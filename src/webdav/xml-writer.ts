// Text and elements of XML answers, well-formed for any content.

// What XML 1.0 has no way to write, not even as a reference: control characters, noncharacters, unpaired surrogates.
const IMPOSSIBLE = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/gu;
const SPECIAL = /[&<>"\r]/;
const ANY = /[&<>"\r]/g;
// Most of what is written, found out at a third of the price.
const PLAIN = /^[ !#-%'-;=?-~]*$/;

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;', // a bare one would be read back as a line feed
};

/** True for text that is the same in XML, whether in an element or an attribute. Other text may be too. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

/** `text` for an element's content or a double-quoted attribute, in XML as in HTML. */
export function escapeXml(text: string): string {
  if (isPlain(text)) {
    return text;
  }
  const clean = text.replace(IMPOSSIBLE, '\uFFFD');
  return SPECIAL.test(clean) ? clean.replace(ANY, (char) => escapes[char] ?? char) : clean;
}

/** `text` for a double-quoted attribute: blanks that a reader would take for spaces are kept as they are. */
export function escapeAttribute(text: string): string {
  return escapeXml(text).replace(/[\t\n]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** The namespace of WebDAV, bound to the prefix D in every answer. */
export const DAV: string = 'DAV:';
/** The namespace of `xml:lang`: its prefix is known everywhere, and no other may be bound to it. */
export const XML: string = 'http://www.w3.org/XML/1998/namespace';

/** An element's tags, for content to be put between them. */
export interface Tags {
  readonly open: string;
  readonly close: string;
  readonly empty: string;
}

/** An element by its own namespace: prefix D for DAV:, a declaration of its own for any other, none for none. */
export function tagsOf(uri: string, local: string): Tags {
  const [name, declaration] =
    uri === DAV
      ? [`D:${local}`, '']
      : uri === ''
        ? [local, '']
        : uri === XML
          ? [`xml:${local}`, '']
          : [`x:${local}`, ` xmlns:x="${escapeAttribute(uri)}"`];
  return { open: `<${name}${declaration}>`, close: `</${name}>`, empty: `<${name}${declaration}/>` };
}

export function element(uri: string, local: string, inner: string): string {
  const { open, close, empty } = tagsOf(uri, local);
  return inner === '' ? empty : `${open}${inner}${close}`;
}

export const XML_TYPE: string = 'application/xml; charset=utf-8';
export const XML_HEAD: string = '<?xml version="1.0" encoding="utf-8"?>\n';

/** The body that names the condition which an answer is about (RFC 4918, 16). `inner` is finished XML. */
export function errorBody(inner: string): string {
  return `${XML_HEAD}<D:error xmlns:D="DAV:">${inner}</D:error>`;
}
