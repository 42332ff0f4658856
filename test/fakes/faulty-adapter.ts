// Keyv's SQLite adapter whose statements fail on demand: before they reach SQLite, or after they were done, when only
// the answer is lost.
import { KeyvSqlite } from '@keyv/sqlite';
import { TABLE } from '../../src/meta/backend.ts';

export type Fault = 'before' | 'after' | undefined;

export class FaultyAdapter {
  readonly adapter: KeyvSqlite;
  /** The statements so far since it was set up, each by its first word. */
  readonly statements: string[] = [];
  /** Asked before each statement with its first word, SELECT or INSERT, and its parameters as text. */
  plan: (verb: string, parameters: string) => Fault = () => undefined;
  code = 'SQLITE_ERROR';

  constructor(file: string | undefined) {
    this.adapter = new KeyvSqlite({ uri: `sqlite://${file ?? ':memory:'}`, table: TABLE, busyTimeout: 1 });
    const { query } = this.adapter;
    this.adapter.query = async (sql, ...parameters) => {
      const verb = sql.trim().split(/\s/, 1)[0] ?? '';
      this.statements.push(verb);
      const fault = this.plan(verb, JSON.stringify(parameters));
      if (fault === 'before') {
        throw this.#failure();
      }
      const answer: unknown = await query(sql, ...parameters);
      if (fault === 'after') {
        throw this.#failure();
      }
      return answer;
    };
  }

  /** The next statement of this kind fails, those after it don't. */
  failOnce(verb: 'SELECT' | 'INSERT', fault: Fault = 'before', code = 'SQLITE_ERROR'): void {
    this.code = code;
    this.plan = (each) => {
      if (each !== verb) {
        return undefined;
      }
      this.plan = () => undefined;
      return fault;
    };
  }

  #failure(): Error {
    return Object.assign(new Error(`${this.code}: made to fail`), { code: this.code });
  }
}
