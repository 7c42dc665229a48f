import { describe, expect, test } from 'vitest';
import type { PaymentIntent } from '../../src/dojo/schemas.ts';
import { type OrderTruth, truthOfOrder, truthOfReturn } from '../../src/shop/order-page.ts';
import type { OrderStatus } from '../../src/shop/order-status.ts';
import { createIntent, createOrder } from './builders.ts';

const pages: Record<OrderStatus, OrderTruth> = {
  placed: 'placed',
  awaiting_payment: 'unpaid',
  authorized: 'authorized',
  paid: 'paid',
  partly_refunded: 'partly_refunded',
  refunded: 'refunded',
  reversed: 'reversed',
  canceled: 'canceled',
  expired: 'expired',
};
const everyStatus = Object.keys(pages) as OrderStatus[];
const settled = everyStatus.filter((status) => status !== 'placed' && status !== 'awaiting_payment');

const intents: [string, PaymentIntent | null][] = [
  ['nothing', null],
  ...['Created', 'Authorized', 'Captured', 'Reversed', 'Refunded', 'Canceled', 'Settled'].map(
    (status): [string, PaymentIntent] => [status, createIntent({ status })],
  ),
  ['another amount', createIntent({ status: 'Captured', amount: { value: 1, currencyCode: 'GBP' } })],
];

describe('the page of an order', () => {
  test.each(everyStatus)('shows the state of an order that is %s', (status) => {
    expect(truthOfOrder(createOrder({ status }))).toBe(pages[status]);
  });

  test.each(['refunded', 'reversed', 'partly_refunded'] as const)(
    'shows a held order that is %s as such',
    (status) => {
      expect(truthOfOrder(createOrder({ status, holds: ['refunded_before_fulfilment'] }))).toBe(status);
    },
  );

  test.each(everyStatus.filter((status) => !/refunded|reversed/.test(status)))(
    'says that a person is checking a held order that is %s',
    (status) => {
      expect(truthOfOrder(createOrder({ status, holds: ['amount_mismatch'] }))).toBe('held');
    },
  );
});

describe('the page after the payment', () => {
  test.each(settled)('shows an order that is %s as the store has it, whatever Dojo says', (status) => {
    for (const [, intent] of intents)
      expect(truthOfReturn(createOrder({ status }), intent)).toBe(pages[status]);
  });

  test('says that a person is checking a held order, whatever Dojo says', () => {
    const held = createOrder({ holds: ['captured_after_cancel'] });
    for (const [, intent] of intents) expect(truthOfReturn(held, intent)).toBe('held');
  });

  const whileUnpaid: [string, OrderTruth][] = [
    ['Created', 'unpaid'],
    ['Authorized', 'confirming'],
    ['Captured', 'confirming'],
    ['Canceled', 'canceled'],
    ['Reversed', 'unknown'],
    ['Refunded', 'unknown'],
    ['Settled', 'unknown'],
    ['captured', 'unknown'],
    ['constructor', 'unknown'],
    ['toString', 'unknown'],
    ['__proto__', 'unknown'],
  ];
  test.each(whileUnpaid)(
    'turns Dojo’s status %s into %s while the store knows of no payment',
    (status, truth) => {
      for (const unpaid of ['awaiting_payment', 'placed'] as const)
        expect(truthOfReturn(createOrder({ status: unpaid }), createIntent({ status }))).toBe(truth);
    },
  );

  test('never says paid only because Dojo does', () => {
    for (const [, intent] of intents) expect(truthOfReturn(createOrder(), intent)).not.toBe('paid');
  });

  test('leaves the outcome open when Dojo does not answer', () => {
    expect(truthOfReturn(createOrder(), null)).toBe('unknown');
  });

  const foreign: [string, Partial<PaymentIntent>][] = [
    ['another amount', { amount: { value: 1, currencyCode: 'GBP' } }],
    ['another currency', { amount: { value: 1000, currencyCode: 'EUR' } }],
    ['another reference', { reference: 'ORD-00000-000000' }],
  ];
  test.each(foreign)('leaves the outcome open when Dojo answers with %s', (_name, members) => {
    for (const status of ['Created', 'Captured', 'Canceled'])
      expect(truthOfReturn(createOrder(), createIntent({ status, ...members }))).toBe('unknown');
  });
});
