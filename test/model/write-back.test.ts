// Several clients on a tree that writes back, against the plainest model. SLOW=1 plays many more games; SEED, GAMES and
// STEPS play chosen ones.
import { describe, test } from 'node:test';
import { Game } from './write-back-game.ts';

const GAMES = Number(process.env['GAMES'] ?? (process.env['SLOW'] ? 1_000 : 12));
const STEPS = Number(process.env['STEPS'] ?? 300);
const FIRST_SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1_000_000));
const TOLD = 40;

describe('a tree that writes back, its syncer and the plainest model', () => {
  test(`agree over ${GAMES} games of ${STEPS} steps`, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + GAMES; seed += 1) {
      const game = new Game(seed, STEPS);
      try {
        await game.play();
      } catch (error) {
        throw new Error(`SEED=${seed}\n${game.story.slice(-TOLD).join('\n')}`, { cause: error });
      }
    }
  });
});
