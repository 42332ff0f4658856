import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/base/errors.ts';
import { parseXml } from '../../src/webdav/xml-reader.ts';
import { element, escapeXml } from '../../src/webdav/xml-writer.ts';

describe('parseXml', () => {
  test('gives elements, text and attributes with their namespaces', () => {
    const root = parseXml(
      Buffer.from(
        '<?xml version="1.0"?><a xmlns="DAV:" xmlns:z="urn:z" z:l="1" m="2">t<z:b><![CDATA[<&]]></z:b></a>',
      ),
    );
    assert.deepEqual(root, {
      uri: 'DAV:',
      local: 'a',
      attributes: [
        { uri: 'urn:z', local: 'l', value: '1' },
        { uri: '', local: 'm', value: '2' },
      ],
      content: ['t', { uri: 'urn:z', local: 'b', attributes: [], content: ['<&'] }],
    });
  });

  for (const [encoding, mark] of [
    ['utf16le', '\ufeff'],
    ['utf8', '\ufeff'],
    ['utf8', ''],
  ] as const) {
    test(`reads ${encoding} with mark "${mark}"`, () => {
      assert.deepEqual(parseXml(Buffer.from(`${mark}<ä/>`, encoding)).local, 'ä');
    });
  }

  const nested = (depth: number): string => '<a>'.repeat(depth) + '</a>'.repeat(depth);
  const attributes = (count: number): string =>
    `<a ${Array.from({ length: count }, (_, index) => `b${index}=""`).join(' ')}/>`;

  test('reads what lies within its bounds', () => {
    parseXml(Buffer.from(nested(64)));
    parseXml(Buffer.from(attributes(32)));
    parseXml(Buffer.from(`<a>${'<b/>'.repeat(4095)}</a>`));
  });

  for (const text of [
    '',
    ' ',
    'x',
    '<a>',
    '<a></b>',
    '<a/><b/>',
    '<a b="1" b="2"/>',
    '<x:a/>',
    '<a xmlns:b=""/>',
    '<a>&unknown;</a>',
    '<a>&constructor;</a>',
    '<a>\0</a>',
    '<!DOCTYPE a><a/>',
    '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    nested(65),
    attributes(33),
    `<a>${'<b/>'.repeat(4096)}</a>`,
    '{"propfind":{}}',
    '<x:1a xmlns:x="urn:x"/>',
    '<x:-a xmlns:x="urn:x"/>',
    '<a x:\u00b7b="" xmlns:x="urn:x"/>',
    '<?xml version="1.1"?><a>&#1;</a>',
    '<a>&#xffff;</a>',
    '<a>&#xd800;</a>',
    '<a xmlns:x="http://www.w3.org/XML/1998/namespace"/>',
    `<a xmlns="${'u'.repeat(1025)}"/>`,
  ]) {
    test(`refuses ${JSON.stringify(text.slice(0, 60))}`, () => {
      assert.throws(
        () => parseXml(Buffer.from(text)),
        (error) => hasCode(error, 'bad-request'),
      );
    });
  }

  test('refuses bytes that are no UTF-8', () => {
    assert.throws(
      () => parseXml(Buffer.from('<a>\xff</a>', 'latin1')),
      (error) => hasCode(error, 'bad-request'),
    );
  });
});

describe('escapeXml', () => {
  test('makes well-formed content and attributes of any text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({
        unit: fc.constantFrom('\0', '\x1b', '\ud800', '\udc00', '\uffff', '<', '&', ']]>', '"', '\r', '\n'),
      }),
    );
    fc.assert(
      fc.property(text, (value) => {
        const root = parseXml(Buffer.from(`<a b="${escapeXml(value)}">${escapeXml(value)}</a>`));
        const clean = value.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd');
        assert.equal(root.content.join(''), clean);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('element', () => {
  for (const uri of [
    'DAV:',
    '',
    'urn:x',
    'http://e/?a&b"<',
    'no-colon',
    'http://www.w3.org/XML/1998/namespace',
    'a\tb',
  ]) {
    test(`keeps the namespace "${uri}"`, () => {
      const xml = `<D:prop xmlns:D="DAV:">${element(uri, 'name', '')}${element(uri, 'name', 'v')}</D:prop>`;
      const content = ['', 'v'].map((value) => ({
        uri,
        local: 'name',
        attributes: [],
        content: value === '' ? [] : [value],
      }));
      assert.deepEqual(parseXml(Buffer.from(xml)).content, content);
    });
  }
});
