// What the routes work with.
import type { Clock } from '../base/clock.ts';
import type { Dirnodes } from './dirnodes.ts';
import type { Immutables } from './immutables.ts';
import type { Mutables } from './mutables.ts';

export interface Services {
  readonly immutables: Immutables;
  readonly mutables: Mutables;
  readonly dirnodes: Dirnodes;
  readonly clock: Clock;
  readonly dataDir: string;
  readonly nodeId: string;
}
