import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { openStore } from '../../src/meta/open-store.ts';
import { MapMetaStore } from '../fakes/map-meta-store.ts';
import { recordsContract } from './records.ts';

const folder = await mkdtemp(join(tmpdir(), 'records-'));
after(() => rm(folder, { recursive: true }));
const key = Buffer.alloc(32, 7);
let stores = 0;

recordsContract('SQLite', () => {
  stores += 1;
  return openStore({ file: join(folder, `${stores}.sqlite`), key, mountId: 'mount' });
});
recordsContract('memory', () => openStore({ file: undefined, key, mountId: 'mount' }));
recordsContract('MapMetaStore', async () => new MapMetaStore());
