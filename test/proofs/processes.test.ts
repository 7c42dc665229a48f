import { expect, test } from 'vitest';
import { processes } from './processes.ts';

test('two shops on one SQLite file refuse no request, and keep what either of them answered', {
  timeout: 300_000,
}, async () => {
  const report = await processes({
    database: 'sqlite',
    shops: 2,
    purchases: 200,
    seed: 42,
    faults: false,
  });
  expect(report.wrong).toEqual([]);
  expect(Object.keys(report.answers)).toEqual(['200', '201']);
  expect(report.checkoutsAnswered).toBe(200);
  expect(report.fulfilments).toBe(report.ordersPaid);
});

test('four shops lose nothing and do nothing twice when their PostgreSQL and one of them are killed', {
  timeout: 300_000,
}, async () => {
  const report = await processes({
    database: 'postgres',
    shops: 4,
    purchases: 300,
    seed: 42,
    faults: true,
  });
  expect(report.wrong).toEqual([]);
  expect(Object.keys(report.answers)).toEqual(['200', '201', '503']);
  // Half a second on an idle machine. The limit tells a recovery from none, not fast from slow.
  expect(report.recoveredInMs).toBeLessThan(60_000);
  expect(report.requestsCut).toBeGreaterThan(0);
  expect(report.checkoutsAnswered).toBeGreaterThan(200);
  expect(report.eventsAnswered).toBeGreaterThan(200);
  expect(report.ordersPaid).toBeGreaterThan(90);
  expect(report.fulfilments).toBe(report.ordersPaid);
});
