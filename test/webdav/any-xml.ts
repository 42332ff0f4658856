// Arbitrary XML elements, as a strict parser gives them.
import fc from 'fast-check';
import type { XmlElement } from '../../src/webdav/xml-reader.ts';

const IMPOSSIBLE = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/gu;

/** Any text that XML can carry. */
export const anyText: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('<', '&', '>', ']]>', '"', "'", '\r', '\n', '\t', ' ', 'é', '😀') }),
  )
  .map((text) => text.replace(IMPOSSIBLE, ''));

const uri: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('', 'DAV:', 'urn:x', 'http://e/?a&b', 'no-colon', 'urn:schemas-microsoft-com:'),
  anyText.filter(
    (text) => !text.startsWith('http://www.w3.org/') && text.trim() === text && !/[\r\n\t]/.test(text),
  ),
);

const local: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'Z-1', '_x.y', 'näme', '名', 'lang', 'xmlns1');

const attribute = fc.oneof(
  fc.record({ uri, local, value: anyText }),
  fc.record({
    uri: fc.constant('http://www.w3.org/XML/1998/namespace'),
    local: fc.constantFrom('lang', 'space'),
    value: fc.constantFrom('', 'de', 'en-GB', 'preserve'),
  }),
);

const attributes = fc.uniqueArray(attribute, {
  selector: ({ uri: space, local: name }) => `${space}}${name}`,
  maxLength: 4,
});

/** Pieces of text side by side are one, and an empty one is none. */
export function normal(element: XmlElement): XmlElement {
  const content: Array<XmlElement | string> = [];
  for (const part of element.content) {
    const before = content.at(-1);
    if (typeof part !== 'string') {
      content.push(normal(part));
    } else if (typeof before === 'string') {
      content[content.length - 1] = before + part;
    } else if (part !== '') {
      content.push(part);
    }
  }
  const { uri: space, local: name } = element;
  const byName = element.attributes
    .map((each) => ({ ...each }))
    .sort((a, b) => (JSON.stringify([a.uri, a.local]) < JSON.stringify([b.uri, b.local]) ? -1 : 1));
  return { uri: space, local: name, attributes: byName, content };
}

export const anyElement: fc.Arbitrary<XmlElement> = fc
  .letrec<{ element: XmlElement }>((tie) => ({
    element: fc.record({
      uri,
      local,
      attributes,
      content: fc.array(fc.oneof({ maxDepth: 3 }, anyText, tie('element')), { maxLength: 4 }),
    }),
  }))
  .element.map(normal);
