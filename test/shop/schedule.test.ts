import { expect, test } from 'vitest';
import { nextOrphanCheck } from '../../src/shop/schedule.ts';

const since = new Date('2026-11-22T10:00:00Z');
const atMinute = (minutes: number) => new Date(since.getTime() + minutes * 60_000);

test('the shop searches for an orphan intent after 1, 5 and 15 minutes', () => {
  expect([0, 1, 2, 3].map((checks) => nextOrphanCheck(since, checks))).toEqual([
    atMinute(1),
    atMinute(5),
    atMinute(15),
    null,
  ]);
});
