import { expect, test } from 'vitest';
import { storm } from './storm.ts';

test('a storm of doubled, reordered and forged webhooks leaves every order as what was sent makes it', {
  timeout: 60_000,
}, async () => {
  const report = await storm({ deliveries: 3_000, seed: 11 });
  expect(report.wrong).toEqual([]);
  expect(report.answers).toEqual({ 200: 2_700, 401: 300 });
  expect(report.duplicates).toBe(900);
  expect(report.reordered).toBeGreaterThan(700);
  // All that can become of an order is among them.
  expect(Object.keys(report.statuses).sort()).toEqual(
    expect.arrayContaining(['authorized', 'canceled', 'paid', 'refunded', 'reversed']),
  );
  expect(report.held).toBeGreaterThan(20);
  expect(report.fulfilments).toBeGreaterThan(200);
});
