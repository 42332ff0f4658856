import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { DeadProperty, Resource } from '../../src/inode/tree.ts';
import { canBeKept, deadPropertiesOf, deadProperty } from '../../src/webdav/dead-properties.ts';
import { MICROSOFT } from '../../src/webdav/properties.ts';
import { parseXml, type XmlElement } from '../../src/webdav/xml-reader.ts';
import { anyElement, normal } from './any-xml.ts';

function parsed(xml: string): XmlElement {
  return parseXml(Buffer.from(xml));
}

/** Attributes of the outermost tag: its own, and a declaration for each namespace in it. */
function declaredOn(element: XmlElement): number {
  const uris = new Set<string>();
  const open: XmlElement[] = [element];
  for (let at = open.pop(); at; at = open.pop()) {
    for (const { uri } of [at, ...at.attributes]) {
      uris.add(uri);
    }
    open.push(...at.content.filter((one) => typeof one !== 'string'));
  }
  uris.delete('');
  uris.delete('http://www.w3.org/XML/1998/namespace'); // needs none
  return uris.size + element.attributes.length;
}

describe('deadProperty', () => {
  test('writes any element so that it reads back equal, wherever it stands', () => {
    fc.assert(
      fc.property(anyElement, (element) => {
        const property = deadProperty(element, undefined);
        assert.deepEqual([property.uri, property.local], [element.uri, element.local]);
        if (declaredOn(element) > 32) {
          assert.ok(!canBeKept(property));
          return;
        }
        assert.deepEqual(normal(parsed(property.xml)), element);
        const [inside] = parsed(`<D:p xmlns:D="DAV:" xmlns:x="urn:other">${property.xml}</D:p>`).content;
        assert.deepEqual(normal(inside as XmlElement), element);
        assert.ok(canBeKept(property));
      }),
      { numRuns: 500 },
    );
  });

  for (const [xml, lang, kept] of [
    ['<a/>', undefined, '<a/>'],
    ['<a/>', 'de', '<a xml:lang="de"/>'],
    ['<a xml:lang="en"/>', 'de', '<a xml:lang="en"/>'],
    ['<a xml:lang=""/>', 'de', '<a xml:lang=""/>'],
    ['<a/>', '', '<a xml:lang=""/>'],
    ['<a xmlns="DAV:"> x </a>', undefined, '<D:a xmlns:D="DAV:"> x </D:a>'],
    ['<y:a xmlns:y="urn:y"><y:b/><b/></y:a>', undefined, '<x:a xmlns:x="urn:y"><x:b/><b/></x:a>'],
    ['<xml:a/>', undefined, '<xml:a/>'],
    ['<a><!-- c --><![CDATA[<]]>&#13;<?p?></a>', undefined, '<a>&lt;&#13;</a>'],
    ['<a b="&#10;&#9;&quot;"/>', undefined, '<a b="&#10;&#9;&quot;"/>'],
  ] as const) {
    test(`keeps ${xml} in ${JSON.stringify(lang)} as ${kept}`, () => {
      assert.equal(deadProperty(parsed(xml), lang).xml, kept);
    });
  }

  test('does not keep what could not be read back', () => {
    const many = (count: number): XmlElement => ({
      uri: '',
      local: 'a',
      attributes: [],
      content: Array.from({ length: count }, (_, index) => ({
        uri: `urn:${index}`,
        local: 'b',
        attributes: [],
        content: [],
      })),
    });
    assert.ok(canBeKept(deadProperty(many(32), undefined)));
    assert.ok(!canBeKept(deadProperty(many(33), undefined)));
  });
});

describe('deadPropertiesOf', () => {
  const resource: Resource = {
    kind: 'file',
    name: 'f',
    inodeId: 'i',
    placeId: 'p',
    sizeBytes: 0,
    etag: undefined,
    modifiedAtMs: Date.UTC(2025, 0, 1) + 999,
    createdAtMs: 0,
    contentType: undefined,
    deadProperties: [],
    isWritable: true,
  };
  const shown = (property: DeadProperty): boolean =>
    deadPropertiesOf({ ...resource, deadProperties: [property] }).includes(property);

  // What a foreign writer, or one who means harm, may have put into the metadata of a child.
  for (const [what, property] of [
    ['no XML', { uri: '', local: 'a', xml: 'a' }],
    ['an open element', { uri: '', local: 'a', xml: '<a>' }],
    ['two elements', { uri: '', local: 'a', xml: '<a/><a/>' }],
    ['an end of what is around it', { uri: '', local: 'a', xml: '</D:prop><a/>' }],
    ['a document type', { uri: '', local: 'a', xml: '<!DOCTYPE a><a/>' }],
    ['plain text that ends too early', { uri: 'urn:x', local: 'a', xml: '<x:a xmlns:x="urn:x">' }],
    ['plain text and more', { uri: 'urn:x', local: 'a', xml: '<x:a xmlns:x="urn:x">1</x:a><x:a/></x:a>' }],
    ['a reference to nothing', { uri: 'urn:x', local: 'a', xml: '<x:a xmlns:x="urn:x">&b;</x:a>' }],
    ['a control character', { uri: 'urn:x', local: 'a', xml: '<x:a xmlns:x="urn:x">\x01</x:a>' }],
    ['a name with a tag in it', { uri: '', local: 'a><b/', xml: '<a><b/></a><b/>' }],
    ['another name', { uri: '', local: 'a', xml: '<b/>' }],
    ['another namespace', { uri: 'urn:x', local: 'a', xml: '<a/>' }],
    ['a prefix that is bound only around it', { uri: 'DAV:', local: 'a', xml: '<D:a/>' }],
    ['a live property', { uri: 'DAV:', local: 'getetag', xml: '<D:getetag xmlns:D="DAV:"/>' }],
  ] as const) {
    test(`leaves out ${what}`, () => {
      assert.equal(shown(property), false);
    });
  }

  for (const xml of [
    '<x:a xmlns:x="urn:x"/>',
    '<x:a xmlns:x="urn:x"></x:a>',
    '<x:a xmlns:x="urn:x">plain</x:a>',
    '<x:a xmlns:x="urn:x">&lt;é</x:a>',
    "<a xmlns='urn:x'><b/>text</a>",
  ]) {
    test(`shows ${xml}`, () => {
      assert.ok(shown({ uri: 'urn:x', local: 'a', xml }));
    });
  }

  for (const [time, isShown] of [
    ['Wed, 01 Jan 2025 00:00:00 GMT', true],
    ['Wed, 01 Jan 2025 00:00:01 GMT', false],
    ['Tue, 31 Dec 2024 23:59:59 GMT', false],
    ['no time', true],
  ] as const) {
    test(`${isShown ? 'shows' : 'leaves out'} Windows' time ${time} of a file changed at 00:00:00.999`, () => {
      const element = { uri: MICROSOFT, local: 'Win32LastModifiedTime', attributes: [], content: [time] };
      assert.equal(shown(deadProperty(element, undefined)), isShown);
    });
  }
});
