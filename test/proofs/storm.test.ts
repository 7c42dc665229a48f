import { expect, test } from 'vitest';
import { storm } from './storm.ts';

test.each([
  ['SQLite', false, 3_000],
  ['PostgreSQL', true, 1_000],
])(
  'after a storm of doubled, reordered and forged webhooks every order on %s is what the genuine ones make it',
  {
    timeout: 300_000,
  },
  async (_name, postgres, deliveries) => {
    const report = await storm({ deliveries, seed: 11, postgres });
    expect(report.wrong).toEqual([]);
    expect(report.answers).toEqual({ 200: 0.9 * deliveries, 401: 0.1 * deliveries });
    expect(report.duplicates).toBe(0.3 * deliveries);
    expect(report.reordered).toBeGreaterThan(0.25 * deliveries);
    // Every status that an order can end with.
    expect(Object.keys(report.statuses).sort()).toEqual(
      expect.arrayContaining(['authorized', 'canceled', 'paid', 'refunded', 'reversed']),
    );
    expect(report.held).toBeGreaterThan(deliveries / 150);
    expect(report.fulfilments).toBeGreaterThan(deliveries / 15);
  },
);
