import { describe, expect, test } from 'vitest';
import { nextCheck, nextOrphanCheck } from '../../src/shop/schedule.ts';

const since = new Date('2026-11-22T10:00:00Z');
const atMinute = (minutes: number) => new Date(since.getTime() + minutes * 60_000);

describe('an open order', () => {
  test.each([
    [0, 2],
    [1, 5],
    [2, 15],
    [3, 60],
    [4, 7 * 60],
    [5, 13 * 60],
    [6, 19 * 60],
    [7, 25 * 60],
  ])('is, after %i checks, checked again %i minutes after its checkout', (checks, minutes) => {
    expect(nextCheck(since, checks, null, since)).toEqual(atMinute(minutes));
  });

  test('is checked eight times, and once more when its intent expires later than that', () => {
    expect(nextCheck(since, 8, null, atMinute(1501))).toBeNull();
    expect(nextCheck(since, 8, atMinute(3000), atMinute(1501))).toEqual(atMinute(3001));
    expect(nextCheck(since, 8, atMinute(60), atMinute(1501))).toBeNull();
  });

  test('is checked a minute after its intent expires instead of just before', () => {
    expect(nextCheck(since, 3, atMinute(60), atMinute(15))).toEqual(atMinute(61));
  });

  test('is not checked several times at once when checks were missed', () => {
    expect(nextCheck(since, 1, null, atMinute(6000))).toEqual(atMinute(6003));
    expect(nextCheck(since, 5, null, atMinute(6000))).toEqual(atMinute(6060));
  });
});

test('the shop searches for an orphan intent after 1, 5 and 15 minutes', () => {
  expect([0, 1, 2, 3].map((checks) => nextOrphanCheck(since, checks))).toEqual([
    atMinute(1),
    atMinute(5),
    atMinute(15),
    null,
  ]);
});
