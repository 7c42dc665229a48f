import { expect, test } from 'vitest';
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
}, 120_000);
