// PROPPATCH: sets and removes properties in one change of the tree, or none of them.
import { hasCode } from '../../base/errors.ts';
import type { Resource } from '../../inode/tree.ts';
import { sendText } from '../answers.ts';
import type { Exchange } from '../exchange.ts';
import { beginChange, guardOf, requireCollection } from '../guards.ts';
import { parsePropertyUpdate, type Step, updateAnswer, valuesAfter } from '../property-update.ts';
import { readBody } from '../request-body.ts';
import { XML_MAX_BYTES } from '../xml-reader.ts';
import { XML_TYPE } from '../xml-writer.ts';

export async function proppatch(exchange: Exchange): Promise<void> {
  const path = exchange.writePath();
  const guard = await guardOf(exchange);
  using change = await beginChange(exchange, [{ path, fate: 'written' }]);
  const steps = parsePropertyUpdate(await readBody(exchange, XML_MAX_BYTES));
  let current: Resource | undefined;
  const options = {
    guard: (found: Resource | undefined) => {
      requireCollection(exchange.url, found);
      guard(found);
      change.check(found === undefined);
    },
    lastWord: change.admit,
    signal: exchange.signal,
  };
  const decide = (found: Resource) => {
    current = found;
    if (steps.some(({ fault }) => fault !== undefined)) {
      // Only here, where everything else has been asked: a missing resource or a lock is told first.
      throw new RefusedUpdate();
    }
    return valuesAfter(steps, found);
  };
  let told = steps;
  try {
    current = await exchange.parts.files.setProperties(path, decide, options);
  } catch (error) {
    const refused = refusedSteps(error, steps);
    if (current === undefined || refused === undefined) {
      throw error;
    }
    told = refused;
  }
  const href = exchange.href(current.kind === 'directory');
  sendText(exchange, 207, XML_TYPE, updateAnswer(href, told));
}

/** At least one of the steps has a fault. */
class RefusedUpdate extends Error {
  constructor() {
    super('a property can not be changed so');
    this.name = 'RefusedUpdate';
  }
}

/** The steps as the answer tells of them; undefined where it is the request as a whole that failed. */
function refusedSteps(error: unknown, steps: readonly Step[]): readonly Step[] | undefined {
  if (error instanceof RefusedUpdate) {
    return steps;
  }
  const isTooMuch = hasCode(error, 'no-space') && steps.some(({ kept }) => kept !== undefined);
  return isTooMuch
    ? steps.map((step) => (step.kept === undefined ? step : { ...step, fault: 'no-room' }))
    : undefined;
}
