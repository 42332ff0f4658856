// A 207's body, taken apart by a strict parser. Property names are `{namespace}local`.
import assert from 'node:assert/strict';
import { childElements, parseXml, textOf, type XmlElement } from '../../src/webdav/xml-reader.ts';

export interface FoundProperty {
  readonly name: string;
  /** `200 OK` */
  readonly status: string;
  readonly element: XmlElement;
  /** Local name of the DAV: condition that stands beside the status. */
  readonly condition: string | undefined;
}

export interface FoundResponse {
  readonly href: string;
  /** Of the resource as a whole, where it has one. */
  readonly status: string | undefined;
  readonly properties: readonly FoundProperty[];
}

export function nameOf({ uri, local }: { readonly uri: string; readonly local: string }): string {
  return `{${uri}}${local}`;
}

/** Text and, of elements, `<name>` and what is in them. */
export function texts(element: XmlElement): string {
  return element.content
    .map((part) => (typeof part === 'string' ? part : `<${part.local}>${texts(part)}`))
    .join('');
}

function child(element: XmlElement, name: string): XmlElement | undefined {
  return childElements(element).find((part) => nameOf(part) === name);
}

function statusOf(element: XmlElement): string | undefined {
  const status = child(element, '{DAV:}status');
  return status && textOf(status).replace(/^HTTP\/1\.1 /, '');
}

export function readMultistatus(body: string): readonly FoundResponse[] {
  const root = parseXml(Buffer.from(body));
  assert.equal(nameOf(root), '{DAV:}multistatus');
  return childElements(root).map((response) => {
    assert.equal(nameOf(response), '{DAV:}response');
    const href = child(response, '{DAV:}href');
    const propstats = childElements(response).filter((part) => nameOf(part) === '{DAV:}propstat');
    return {
      href: href === undefined ? '' : textOf(href),
      status: statusOf(response),
      properties: propstats.flatMap((propstat) => {
        const [prop] = childElements(propstat);
        assert.equal(prop && nameOf(prop), '{DAV:}prop');
        const error = child(propstat, '{DAV:}error');
        return childElements(prop as XmlElement).map((element) => ({
          name: nameOf(element),
          status: statusOf(propstat) ?? '',
          element,
          condition: error && childElements(error)[0]?.local,
        }));
      }),
    };
  });
}
