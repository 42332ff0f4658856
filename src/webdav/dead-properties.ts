// Dead properties (RFC 4918, 4): elements that mean nothing to us, kept as XML that needs nothing around it, and given
// back equal in what the RFC asks for: names with their namespaces, attributes, nested elements, text, language. Prefixes
// are ours, comments and processing instructions are not kept.
import type { DeadProperty, Resource } from '../inode/tree.ts';
import { parseHttpDate } from './dates.ts';
import { isModificationTime, settingOf } from './properties.ts';
import { parseXml, textOf, type XmlElement } from './xml-reader.ts';
import { DAV, escapeAttribute, escapeXml, isPlain, tagsOf, XML } from './xml-writer.ts';

/** `lang`: the language in scope where the element stood (`xml:lang` of an element around it). */
export function deadProperty(element: XmlElement, lang: string | undefined): DeadProperty {
  const hasLang = lang === undefined || languageOf(element) !== undefined;
  const whole = hasLang
    ? element
    : { ...element, attributes: [...element.attributes, { uri: XML, local: 'lang', value: lang }] };
  return { uri: element.uri, local: element.local, xml: standalone(whole) };
}

/** What the element itself says of its language; empty where it says that it has none. */
export function languageOf(element: XmlElement): string | undefined {
  return element.attributes.find(({ uri, local }) => uri === XML && local === 'lang')?.value;
}

/** All namespaces are declared on the outermost element, so that each stands there once. */
function standalone(root: XmlElement): string {
  const prefixes = new Map<string, string>([
    ['', ''],
    [XML, 'xml:'],
  ]);
  let declarations = '';
  const declare = (uri: string): void => {
    if (!prefixes.has(uri)) {
      const prefix = uri === DAV ? 'D' : `x${prefixes.size === 2 ? '' : prefixes.size}`;
      prefixes.set(uri, `${prefix}:`);
      declarations += ` xmlns:${prefix}="${escapeAttribute(uri)}"`;
    }
  };
  const declareAll = (element: XmlElement): void => {
    declare(element.uri);
    for (const { uri } of element.attributes) {
      declare(uri);
    }
    for (const part of element.content) {
      if (typeof part !== 'string') {
        declareAll(part);
      }
    }
  };
  const write = ({ uri, local, attributes, content }: XmlElement, head: string): string => {
    const name = `${prefixes.get(uri)}${local}`;
    const written = attributes.map(
      (attribute) =>
        ` ${prefixes.get(attribute.uri)}${attribute.local}="${escapeAttribute(attribute.value)}"`,
    );
    const tag = `<${name}${head}${written.join('')}`;
    const inner = content.map((part) => (typeof part === 'string' ? escapeXml(part) : write(part, '')));
    return inner.length === 0 ? `${tag}/>` : `${tag}>${inner.join('')}</${name}>`;
  };
  declareAll(root);
  return write(root, declarations);
}

interface Reading {
  /** An element of the name that it claims to have, and that one can have. */
  readonly isSound: boolean;
  /** Of a client's own modification time. */
  readonly modifiedAtMs: number | undefined;
}

/** By properties as the tree gave them: it gives the same objects again while nothing has changed. */
const readings = new WeakMap<DeadProperty, Reading>();

function readingOf(property: DeadProperty): Reading {
  let reading = readings.get(property);
  if (reading === undefined) {
    reading = read(property);
    readings.set(property, reading);
  }
  return reading;
}

function read(property: DeadProperty): Reading {
  const isKept = settingOf(property)?.isKept === true;
  const text = isKept ? (plainText(property) ?? parsedText(property)) : undefined;
  return {
    isSound: text !== undefined,
    modifiedAtMs: text !== undefined && isModificationTime(property) ? parseHttpDate(text) : undefined,
  };
}

const PLAIN_NAME = /^[A-Za-z_][\w.-]*$/;

/** Text of an element as most are, told without a parser: that takes 50 us, for each of thousands of files. */
function plainText({ uri, local, xml }: DeadProperty): string | undefined {
  if (uri === DAV || uri.length > 100 || !isPlain(uri) || !PLAIN_NAME.test(local)) {
    return undefined;
  }
  const { open, close } = tagsOf(uri, local);
  const text =
    xml.startsWith(open) && xml.endsWith(close) ? xml.slice(open.length, -close.length) : undefined;
  return text !== undefined && isPlain(text) ? text : undefined;
}

/** Undefined for what isn't an element of the name. */
function parsedText({ uri, local, xml }: DeadProperty): string | undefined {
  try {
    const root = parseXml(Buffer.from(xml));
    return root.uri === uri && root.local === local ? textOf(root) : undefined;
  } catch {
    return undefined; // no element at all: nobody is shown it
  }
}

/** False for what would not be read back: more namespaces in one element than the reader takes. */
export function canBeKept(property: DeadProperty): boolean {
  return readingOf(property).isSound;
}

/**
 * Those of `resource` that are shown. Left out is what isn't an element of its name: everybody who may write the directory
 * writes its edge metadata, and a listing has to stay well-formed. So is a client's own modification time once the file has
 * another: Windows shows its own whatever getlastmodified says, after another client's write for ever.
 */
export function deadPropertiesOf(resource: Resource): readonly DeadProperty[] {
  if (resource.deadProperties.length === 0) {
    return resource.deadProperties;
  }
  const second = Math.floor(resource.modifiedAtMs / 1000);
  return resource.deadProperties.filter((property) => {
    const { isSound, modifiedAtMs } = readingOf(property);
    return isSound && (modifiedAtMs === undefined || Math.floor(modifiedAtMs / 1000) === second);
  });
}
