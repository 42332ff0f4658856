// What a test tells the process that it is going to kill.
import type { KillPoint } from './kill-points.ts';

export type Change =
  | { readonly op: 'put'; readonly path: string; readonly content: string }
  | { readonly op: 'mkdir' | 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly path: string; readonly to: string }
  /** A dead property of a file. */
  | { readonly op: 'set'; readonly path: string; readonly value: string };

export interface WorldPlace {
  readonly nodeUrl: string;
  readonly rootCap: string;
  readonly cacheDir: string;
  readonly isSoleWriter: boolean;
}

/** `during`: the change is made while the flush makes that call. */
export type Step =
  | Change
  | { readonly op: 'flush' }
  | { readonly op: 'evict' }
  | {
      readonly op: 'during';
      readonly call: string;
      readonly when: KillPoint['when'];
      readonly change: Change;
    };

export type Order =
  | {
      readonly order: 'open';
      readonly place: WorldPlace;
      readonly point?: KillPoint | undefined;
      readonly isGridAway?: boolean;
    }
  | { readonly order: 'arm'; readonly point: KillPoint | undefined }
  | { readonly order: 'step'; readonly step: Step }
  | { readonly order: 'dump' | 'passed' | 'grid-back' | 'close' };

export interface Reply {
  readonly value?: unknown;
  readonly error?: string;
}
