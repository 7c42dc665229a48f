import { expect, test } from 'vitest';
import { startPostgres } from '../support/postgres.ts';
import { simulate } from './simulation.ts';

test('two hundred stories of shoppers, faults and crashes break no rule of money', async () => {
  let stories = 0;
  await simulate({
    seed: 20_261_122,
    runs: 200,
    onRun() {
      stories += 1;
    },
  });
  expect(stories).toBe(200);
}, 300_000);

test('fifteen stories break no rule of money on PostgreSQL', async () => {
  const postgres = await startPostgres();
  try {
    await simulate({ seed: 20_261_122, runs: 15, createDatabase: postgres.createDatabase });
  } finally {
    await postgres.stop();
  }
}, 300_000);
