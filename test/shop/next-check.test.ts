import { describe, expect, test } from 'vitest';
import { noFacts } from '../../src/shop/intent-facts.ts';
import { nextCheck, nextTry } from '../../src/shop/next-check.ts';
import type { Order, PaymentAttempt } from '../../src/shop/order.ts';
import { createAttempt, createOrder } from './builders.ts';

const since = new Date('2026-11-22T10:20:00Z');
const minute = 60_000;
const hour = 60 * minute;
const later = (ms: number) => new Date(since.getTime() + ms);
const open = (attempt: Partial<PaymentAttempt> = {}, order: Partial<Order> = {}) =>
  createOrder({ attempts: [createAttempt({ createdAt: since, ...attempt })], ...order });
const paid = (order: Partial<Order> = {}) =>
  open({ facts: { ...noFacts, captured: true } }, { status: 'paid', received: 1000, ...order });

describe('an open order', () => {
  test.each([
    [0, 2],
    [2, 5],
    [6, 15],
    [15, 60],
    [60, 7 * 60],
    [7 * 60, 13 * 60],
    [100 * 60, 103 * 60],
  ])('is, %i minutes after its attempt began, to be checked %i minutes after that', (age, minutes) => {
    expect(nextCheck(open(), later(age * minute))).toEqual(later(minutes * minute));
  });

  test('is checked at every five-minute mark besides, while its intent can be paid', () => {
    const order = open({ expireAt: later(60 * minute) });
    const checkedAfter: number[] = [];
    for (let age = 0; age < 62; ) {
      age = ((nextCheck(order, later(age * minute))?.getTime() ?? 0) - since.getTime()) / minute;
      checkedAfter.push(age);
    }
    expect(checkedAfter).toEqual([2, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 61, 7 * 60]);
    // All that are open share the mark.
    const another = open({ createdAt: later(-7_000), expireAt: later(60 * minute) });
    expect(nextCheck(another, later(6 * minute))).toEqual(nextCheck(order, later(6 * minute)));
  });

  test.each([30, 33, 60, 200])(
    'is checked a minute after its intent expires after %i minutes, and not just before',
    (expiresAfter) => {
      const order = open({ expireAt: later(expiresAfter * minute) });
      for (const before of [2.5, 0.5, -0.5])
        expect(nextCheck(order, later((expiresAfter - before) * minute))).toEqual(
          later((expiresAfter + 1) * minute),
        );
      expect(nextCheck(order, later((expiresAfter + 1) * minute))).not.toEqual(
        later((expiresAfter + 1) * minute),
      );
    },
  );

  test('that is reserved is checked in the same way, also after the time for paying it', () => {
    const facts = { ...noFacts, authorized: true };
    const order = open({ facts, expireAt: later(60 * minute) }, { status: 'authorized' });
    expect(nextCheck(order, later(60 * minute))).toEqual(later(7 * hour));
  });

  test('that was reserved after we had given it up is checked in the same way', () => {
    const facts = { ...noFacts, expired: true, authorized: true };
    const order = open({ state: 'found', facts }, { status: 'authorized' });
    expect(nextCheck(order, later(60 * minute))).toEqual(later(7 * hour));
  });

  test('without an intent is not checked', () => {
    expect(nextCheck(open({ paymentIntentId: null, state: 'ambiguous' }), since)).toBeNull();
  });
});

describe('an order with money', () => {
  test.each([
    [0, 1],
    [2, 7],
    [8, 30],
    [31, 90],
  ])('is, %i days after its attempt began, read again after %i days, on the hour', (age, days) => {
    const hourLater = 40 * minute;
    expect(nextCheck(paid(), later(age * 24 * hour))).toEqual(later(days * 24 * hour + hourLater));
  });

  test('is not read again after ninety days', () => {
    expect(nextCheck(paid(), later(91 * 24 * hour))).toBeNull();
  });

  test.each([
    ['refunded', { captured: true, refunded: true }],
    ['reversed', { captured: true, reversed: true }],
    ['cancelled', { canceled: true }],
    ['given up', { canceled: true, expired: true }],
  ])('or without any, whose payment is %s, is not read again', (_what, facts) => {
    const payment = createAttempt({ facts: { ...noFacts, ...facts } });
    expect(nextCheck(createOrder({ attempts: [payment] }), since)).toBeNull();
  });

  test('is checked while another of its payments is open, although one is over', () => {
    const released = createAttempt({
      state: 'found',
      facts: { ...noFacts, authorized: true, reversed: true },
    });
    const shown = createAttempt({ number: 2, createdAt: since });
    expect(nextCheck(createOrder({ status: 'reversed', attempts: [released, shown] }), since)).not.toBeNull();
  });

  test('is tried again soon after a check without a usable answer, later each time', () => {
    const order = paid({ updatedAt: since });
    expect(nextTry(order, later(30_000))).toEqual(later(30_000 + minute));
    expect(nextTry(order, later(10 * minute))).toEqual(later(20 * minute));
    expect(nextTry(order, later(15 * hour))).toEqual(later(21 * hour));
  });
});
