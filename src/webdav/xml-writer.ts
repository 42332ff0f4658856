// Text and elements of XML answers, well-formed for any content.

// What XML 1.0 has no way to write, not even as a reference: control characters, noncharacters, unpaired surrogates.
const IMPOSSIBLE = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/gu;
const SPECIAL = /[&<>"\r]/;
const ANY = /[&<>"\r]/g;

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;', // a bare one would be read back as a line feed
};

/** `text` for an element's content or a double-quoted attribute, in XML as in HTML. */
export function escapeXml(text: string): string {
  const clean = text.replace(IMPOSSIBLE, '\uFFFD');
  return SPECIAL.test(clean) ? clean.replace(ANY, (char) => escapes[char] ?? char) : clean;
}

/** The namespace of WebDAV, bound to the prefix D in every answer. */
export const DAV: string = 'DAV:';

/** An element by its own namespace: prefix D for DAV:, a declaration of its own for any other, none for none. */
export function element(uri: string, local: string, inner: string): string {
  const [name, declaration] =
    uri === DAV
      ? [`D:${local}`, '']
      : uri === ''
        ? [local, '']
        : [`x:${local}`, ` xmlns:x="${escapeXml(uri)}"`];
  return inner === '' ? `<${name}${declaration}/>` : `<${name}${declaration}>${inner}</${name}>`;
}

export const XML_TYPE: string = 'application/xml; charset=utf-8';
export const XML_HEAD: string = '<?xml version="1.0" encoding="utf-8"?>\n';

/** The body that names the condition which an answer is about (RFC 4918, 16). `inner` is finished XML. */
export function errorBody(inner: string): string {
  return `${XML_HEAD}<D:error xmlns:D="DAV:">${inner}</D:error>`;
}
