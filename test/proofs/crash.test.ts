import { expect, test } from 'vitest';
import { crash } from './crash.ts';

// An attempt that a kill cuts short stays under way until its lease of 15 s ends, and its shopper waits for that.
test('a shop that is killed repeatedly loses nothing that it answered, and does nothing twice', {
  timeout: 300_000,
}, async () => {
  const report = await crash({ kills: 6, seed: 42, shoppers: 2 });
  expect(report.wrong).toEqual([]);
  expect(report.requestsCut).toBeGreaterThan(0);
  expect(report.checkoutsAskedAgain).toBeGreaterThan(0);
  expect(report.eventsSentAgain).toBeGreaterThan(0);
  expect(report.checkoutsAnswered).toBeGreaterThan(20);
  expect(report.ordersPaid).toBeGreaterThan(10);
  expect(report.fulfilments).toBe(report.ordersPaid);
});
