// Entry for `npm run build` and for whoever owns a global installation: gets sqlite3 ready and does nothing else.
import { ensureSqlite } from './ensure-sqlite.ts';

process.exitCode = (await ensureSqlite(console.error)) ? 0 : 1;
