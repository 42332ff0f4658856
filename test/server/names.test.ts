import { describe } from 'node:test';
import { embeddedGrid } from './grids.ts';
import { carryNames } from './names.ts';

describe('names through the whole program', { concurrency: 6 }, () => carryNames(embeddedGrid));
