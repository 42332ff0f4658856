// PROPPATCH's two documents (RFC 4918, 9.2): what is to be changed, and what became of it. All of it is done, in the
// order of the document, or nothing.
import { FsError } from '../base/errors.ts';
import type { DeadProperty, PropertyValues, Resource } from '../inode/tree.ts';
import { canBeKept, deadPropertiesOf, deadProperty, languageOf } from './dead-properties.ts';
import { propstat } from './multistatus.ts';
import { keyOf, type PropertyName, settingOf } from './properties.ts';
import { childElements, parseXml, textOf, type XmlElement } from './xml-reader.ts';
import { DAV, element, escapeXml, XML_HEAD } from './xml-writer.ts';

type Fault = 'protected' | 'bad-value' | 'no-room';

/** One property to set or to remove. */
export interface Step {
  readonly name: PropertyName;
  /** Why it can't be done, whatever the resource. */
  readonly fault: Fault | undefined;
  /** Times that follow from it. */
  readonly values: PropertyValues;
  /** What is kept of it as a dead property: undefined for nothing, also after a removal. */
  readonly kept: DeadProperty | undefined;
}

/** Far more than any client sets at once, and than a resource can have. */
const MAX_STEPS = 256;

/** Throws bad-request for anything that is no propertyupdate. */
export function parsePropertyUpdate(body: Buffer): readonly Step[] {
  const root = parseXml(body);
  const blocks = childElements(root).filter(
    ({ uri, local }) => uri === DAV && (local === 'set' || local === 'remove'),
  );
  if (root.uri !== DAV || root.local !== 'propertyupdate' || blocks.length === 0) {
    throw new FsError('bad-request', 'the body is no propertyupdate with something to set or to remove');
  }
  const steps = blocks.flatMap((block) => stepsOf(root, block));
  if (steps.length > MAX_STEPS) {
    throw new FsError('bad-request', `the body names more than ${MAX_STEPS} properties`);
  }
  return steps;
}

function stepsOf(root: XmlElement, block: XmlElement): readonly Step[] {
  const lists = childElements(block).filter(({ uri, local }) => uri === DAV && local === 'prop');
  if (lists.length === 0) {
    throw new FsError('bad-request', `a ${block.local} element of the body has no prop`);
  }
  return lists.flatMap((list) => {
    const lang = languageOf(list) ?? languageOf(block) ?? languageOf(root);
    return childElements(list).map((property) =>
      block.local === 'set' ? setStep(property, lang) : removeStep(property),
    );
  });
}

function setStep(property: XmlElement, lang: string | undefined): Step {
  const { uri, local } = property;
  const name = { uri, local };
  const nothing = { name, values: {}, kept: undefined };
  const setting = settingOf(name);
  if (setting === undefined) {
    return { ...nothing, fault: 'protected' };
  }
  const values = setting.values(childElements(property).length > 0 ? '' : textOf(property));
  if (values === undefined) {
    return { ...nothing, fault: 'bad-value' };
  }
  if (!setting.isKept) {
    return { ...nothing, fault: undefined, values };
  }
  const kept = deadProperty(property, lang);
  return canBeKept(kept) ? { name, fault: undefined, values, kept } : { ...nothing, fault: 'no-room' };
}

/** Removing what isn't there is no error (RFC 4918, 14.23); what every resource has can't be removed. */
function removeStep({ uri, local }: XmlElement): Step {
  const name = { uri, local };
  const fault = settingOf(name)?.isKept === true ? undefined : 'protected';
  return { name, fault, values: {}, kept: undefined };
}

/** What `steps`, none of which has a fault, make of `current`; nothing where it is so already. */
export function valuesAfter(steps: readonly Step[], current: Resource): PropertyValues {
  const properties = new Map(deadPropertiesOf(current).map((property) => [keyOf(property), property]));
  let values: PropertyValues = {};
  let isChange = false;
  for (const { name, values: more, kept } of steps) {
    const key = keyOf(name);
    values = { ...values, ...more };
    isChange ||= properties.get(key)?.xml !== kept?.xml;
    if (kept === undefined) {
      properties.delete(key);
    } else {
      properties.set(key, kept);
    }
  }
  return isChange ? { ...values, deadProperties: [...properties.values()] } : values;
}

const faultStatus = {
  protected: { status: '403 Forbidden', condition: '<D:cannot-modify-protected-property/>' },
  'bad-value': { status: '409 Conflict', condition: '' },
  'no-room': { status: '507 Insufficient Storage', condition: '' },
} satisfies Record<Fault, { status: string; condition: string }>;

/** `href`: of the resource. Where a step has a fault, nothing was done: the others failed with it. */
export function updateAnswer(href: string, steps: readonly Step[]): string {
  const faults = new Map<string, Fault>();
  for (const { name, fault } of steps) {
    if (fault !== undefined) {
      faults.set(keyOf(name), fault);
    }
  }
  const otherwise = { status: faults.size === 0 ? '200 OK' : '424 Failed Dependency', condition: '' };
  const groups = new Map<Fault | undefined, Map<string, string>>();
  for (const { name } of steps) {
    const fault = faults.get(keyOf(name));
    const group = groups.get(fault) ?? new Map<string, string>();
    groups.set(fault, group.set(keyOf(name), element(name.uri, name.local, '')));
  }
  const propstats = Array.from(groups, ([fault, names]) => {
    const { status, condition } = fault === undefined ? otherwise : faultStatus[fault];
    return propstat([...names.values()].join(''), status, condition);
  });
  const found = propstats.length === 0 ? propstat('', otherwise.status) : propstats.join('');
  return `${XML_HEAD}<D:multistatus xmlns:D="DAV:"><D:response><D:href>${escapeXml(href)}</D:href>${found}</D:response></D:multistatus>\n`;
}
