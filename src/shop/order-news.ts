import type { Hold } from './holds.ts';
import { sameFacts } from './intent-facts.ts';
import { factsOf, type OrderChange } from './order-events.ts';
import type { OrderStatus } from './order-status.ts';

/** What a saved change means to a person who reads the log. */
export type OrderNews = {
  readonly kind: 'authorised' | 'paid' | 'refunded' | 'cancelled' | 'expired' | 'held';
  readonly orderReference: string;
  /** Of the attempt that changed; null if none did. */
  readonly paymentIntentId: string | null;
  /** Minor units: what went back if money did, what was received, or before that the order's total. */
  readonly amount: number;
  readonly currencyCode: string;
  readonly orderStatus: OrderStatus;
  /** The holds that are new. */
  readonly holds: readonly Hold[];
};

const newsOfStatus = Object.freeze({
  authorized: 'authorised',
  paid: 'paid',
  partly_refunded: 'refunded',
  refunded: 'refunded',
  reversed: 'refunded',
  canceled: 'cancelled',
  expired: 'expired',
  awaiting_payment: null,
  placed: null,
} satisfies Record<OrderStatus, OrderNews['kind'] | null>);

export function newsOf({ before, after }: OrderChange): OrderNews[] {
  const isRefund = after.returned > before.returned;
  const isNewStatus = after.status !== before.status || (isRefund && after.status === 'partly_refunded');
  if (!isNewStatus && after.holds.length === 0) return [];
  const kind = isNewStatus ? newsOfStatus[after.status] : null;
  const holds = after.holds.filter((hold) => !before.holds.includes(hold));
  if (kind === null && holds.length === 0) return [];
  const changed = after.attempts.find(({ number, facts }) => !sameFacts(facts, factsOf(before, number)));
  const news = {
    orderReference: after.reference,
    paymentIntentId: changed?.paymentIntentId ?? null,
    amount: isRefund ? after.returned - before.returned : after.received || after.total,
    currencyCode: after.currencyCode,
    orderStatus: after.status,
    holds,
  };
  return [
    ...(kind === null ? [] : [{ ...news, kind }]),
    ...(holds.length === 0 ? [] : [{ ...news, kind: 'held' as const }]),
  ];
}
