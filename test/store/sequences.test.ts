import { expect, test } from 'vitest';
import { priceBasket } from '../../src/shop/basket.ts';
import { createOrderId, createToken, referenceOf } from '../../src/shop/order.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { OrderStore } from '../../src/store/order-store.ts';
import { testCatalogue } from '../support/catalogue.ts';
import { startPostgres } from '../support/postgres.ts';
import { createRandom } from '../support/random.ts';

/** What the shop can hear about an intent. `expectedStatus` writes the rules out a second time. */
const heard = [
  'Created',
  'Authorized',
  'Captured',
  'Reversed',
  'Refunded',
  'Canceled',
  'Settled',
  'partial refund',
] as const;
type Heard = (typeof heard)[number];

function expectedStatus(set: ReadonlySet<Heard>): string {
  if (set.has('Refunded')) return 'refunded';
  // Part of it by refund, the rest by reversal.
  if (set.has('Reversed')) return set.has('partial refund') ? 'refunded' : 'reversed';
  if (set.has('partial refund')) return 'partly_refunded';
  if (set.has('Captured')) return 'paid';
  if (set.has('Canceled')) return 'canceled';
  return set.has('Authorized') ? 'authorized' : 'awaiting_payment';
}

const now = new Date('2026-11-22T10:00:00Z');
const priced = priceBasket(testCatalogue, [{ sku: 'mug', quantity: 1 }]);
if (priced.kind !== 'priced') throw new Error('The test basket must have a price.');
const { basket } = priced;

test('ten thousand random sequences of messages leave the status of their set on SQLite', async () => {
  await hearSequences(await openStore('sqlite::memory:'), 10_000, 8);
}, 300_000);

test('three hundred random sequences of messages leave the status of their set on PostgreSQL', async () => {
  const postgres = await startPostgres();
  try {
    await hearSequences(await openStore(await postgres.createDatabase(), { clock: 'caller' }), 300, 8);
  } finally {
    await postgres.stop();
  }
}, 300_000);

async function hearSequences(store: OrderStore, sequences: number, atOnce: number): Promise<void> {
  const random = createRandom(20_261_122);
  let next = 0;
  const hearNext = async (): Promise<void> => {
    for (let index = next++; index < sequences; index = next++) {
      const sequence = Array.from({ length: random.below(7) }, () => random.pick(heard));
      const token = await orderWithIntent(store, index);
      for (const [step, message] of sequence.entries()) await hear(store, index, step, message);
      const order = await store.findOrderByToken(token);
      expect(order?.status, sequence.join(' > ')).toBe(expectedStatus(new Set(sequence)));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, hearNext));
  expect(await store.checkReplay()).toEqual({ orders: sequences, different: [] });
  await store.close();
}

async function orderWithIntent(store: OrderStore, index: number): Promise<string> {
  const id = createOrderId(new Date(now.getTime() + index), index);
  const token = createToken(id, 'S'.repeat(24));
  const order = {
    id,
    reference: referenceOf(id),
    token,
    checkoutKey: `key-${index}`,
    shopperId: 'shopper',
    basket,
    createdAt: now,
  };
  await store.placeOrder(order, {
    createdAt: now,
    leaseUntil: new Date(now.getTime() + 15_000),
    captureMode: 'Auto',
  });
  await store.attachIntent(
    id,
    1,
    { id: `pi_${index}`, paymentLink: 'https://pay.dojo.test/', expireAt: null },
    now,
  );
  return token;
}

async function hear(store: OrderStore, index: number, step: number, message: Heard): Promise<void> {
  if (message === 'partial refund') {
    const observation = {
      observedAt: now,
      status: 'Captured',
      refundedAmount: 100,
      expired: false,
      unwanted: false,
      mismatched: false,
    };
    const orderId = createOrderId(new Date(now.getTime() + index), index);
    await store.recordObservation({ orderId, attempt: 1, ...observation }, { at: null, seen: null });
    return;
  }
  const body = Buffer.from(`${index} ${step} ${message}`);
  await store.recordEvents([
    {
      eventId: `evt_${index}_${step}`,
      event: 'payment_intent.status_updated',
      paymentIntentId: `pi_${index}`,
      paymentStatus: message,
      body,
      digest: body,
      secret: 'whs_00000000',
      receivedAt: now,
    },
  ]);
}
