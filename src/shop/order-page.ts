import type { PaymentIntent, PaymentIntentStatus } from '../dojo/schemas.ts';
import { findMismatch, type Order } from './order.ts';
import type { OrderStatus } from './order-status.ts';

/** What the shopper's page says; one page per truth. */
export type OrderTruth =
  | 'paid'
  | 'confirming'
  | 'unpaid'
  | 'placed'
  | 'authorized'
  | 'canceled'
  | 'expired'
  | 'superseded'
  | 'held'
  | 'refunded'
  | 'partly_refunded'
  | 'reversed'
  | 'unknown';

const truthOfStatus = Object.freeze({
  refunded: 'refunded',
  reversed: 'reversed',
  partly_refunded: 'partly_refunded',
  paid: 'paid',
  authorized: 'authorized',
  expired: 'expired',
  canceled: 'canceled',
  awaiting_payment: 'unpaid',
  placed: 'placed',
} satisfies Record<OrderStatus, OrderTruth>);

/** For an order that the store calls unpaid: what Dojo just said about its intent. */
const truthOfUnpaidIntent = Object.freeze({
  Created: 'unpaid',
  Authorized: 'confirming',
  Captured: 'confirming',
  Canceled: 'canceled',
  // The shop has not heard of this money yet, and only the store may say how it ended.
  Reversed: 'unknown',
  Refunded: 'unknown',
} satisfies Record<PaymentIntentStatus, OrderTruth>);

/** Money that went back is what the shopper wants to read, whatever is still held. */
const isGivenBack: ReadonlySet<OrderStatus> = new Set(['refunded', 'reversed', 'partly_refunded']);

/** Of these, a shopper who checked out again reads that the newer order took the place of this one. */
const isClosed: ReadonlySet<OrderStatus> = new Set(['placed', 'canceled', 'expired']);

/** What an order's page says from the store alone. */
export function truthOfOrder(order: Order): OrderTruth {
  const isHeld = order.holds.length > 0 && !isGivenBack.has(order.status);
  if (isHeld) return 'held';
  return order.supersededBy !== null && isClosed.has(order.status)
    ? 'superseded'
    : truthOfStatus[order.status];
}

/**
 * What the return page says, from the store and from what Dojo answered (null if it gave no answer). The store wins wherever
 * it knows more than "unpaid"; nothing that Dojo says here changes an order. An answer that is not from just now may be from
 * before the payment, so that it cannot say that nothing was taken.
 */
export function truthOfReturn(order: Order, intent: PaymentIntent | null, isFromNow = true): OrderTruth {
  const truth = truthOfOrder(order);
  if (truth !== 'unpaid' && truth !== 'placed') return truth;
  if (intent === null || findMismatch(order, intent) !== null) return 'unknown';
  if (intent.status === 'Created' && !isFromNow) return 'confirming';
  // Dojo may answer any text, "constructor" too.
  const said = Object.hasOwn(truthOfUnpaidIntent, intent.status)
    ? truthOfUnpaidIntent[intent.status as PaymentIntentStatus]
    : 'unknown';
  return order.supersededBy !== null && (said === 'unpaid' || said === 'canceled') ? 'superseded' : said;
}
