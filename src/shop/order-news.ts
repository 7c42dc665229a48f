import type { Hold } from './decision.ts';
import { sameFacts } from './intent-facts.ts';
import type { PaymentAttempt } from './order.ts';
import { factsOf, type OrderChange } from './order-events.ts';
import { isReserved, isTaken, paymentMoney } from './order-money.ts';
import type { OrderStatus } from './order-status.ts';

/** What can happen to an order, for the log and for the merchant's system. */
export const newsKinds = [
  'authorized',
  'paid',
  'refunded',
  'cancelled',
  'expired',
  'held',
  'due',
  'sent',
  'reservation_ending',
] as const;
export type NewsKind = (typeof newsKinds)[number];

/** What a saved change means to the merchant. */
export type OrderNews = {
  readonly kind: NewsKind;
  readonly orderReference: string;
  /** Of the attempt that changed; null if none did. */
  readonly paymentIntentId: string | null;
  /** Minor units: what went back or was received just now, otherwise what the order has received, or before that its total. */
  readonly amount: number;
  readonly currencyCode: string;
  readonly orderStatus: OrderStatus;
  /** The holds that are new. */
  readonly holds: readonly Hold[];
};

/** In the order in which a person would tell it. A payment is authorised and paid once; the rest is about the order. */
export function newsOf(change: OrderChange): OrderNews[] {
  const { before, after } = change;
  const holds = after.holds.filter((hold) => !before.holds.includes(hold));
  const changed = after.attempts.find(({ number, facts }) => !sameFacts(facts, factsOf(before, number)));
  const news = {
    orderReference: after.reference,
    paymentIntentId: changed?.paymentIntentId ?? null,
    amount: after.received || after.total,
    currencyCode: after.currencyCode,
    orderStatus: after.status,
    holds,
  };
  const back = after.returned - before.returned;
  const happened: readonly (readonly [NewsKind, boolean, Partial<OrderNews>?])[] = [
    ['refunded', back > 0, { amount: back }],
    ['cancelled', isOver(change, 'canceled') || isReleased(change)],
    ['expired', isOver(change, 'expired')],
    ['held', holds.length > 0],
    ['due', after.mayShip && !before.mayShip],
    ['sent', after.sentAt !== null && before.sentAt === null],
    ['reservation_ending', after.releaseWarnedAt !== null && before.releaseWarnedAt === null],
  ];
  return [
    ...after.attempts.flatMap((payment) =>
      paymentNews(change, payment).map((kind): OrderNews => {
        const amount = isReserved(payment) ? after.total : paymentMoney(payment, after).received;
        return { ...news, kind, amount, paymentIntentId: payment.paymentIntentId };
      }),
    ),
    ...happened.filter(([, is]) => is).map(([kind, , own]): OrderNews => ({ ...news, kind, ...own })),
  ];
}

function paymentNews({ before }: OrderChange, payment: PaymentAttempt): NewsKind[] {
  const was = { ...payment, facts: factsOf(before, payment.number) };
  if (isTaken(payment)) return isTaken(was) ? [] : ['paid'];
  return isReserved(payment) && !isReserved(was) ? ['authorized'] : [];
}

function isOver({ before, after }: OrderChange, status: OrderStatus): boolean {
  return after.status === status && before.status !== status;
}

/** A reservation ended of which nothing had been taken: there is nothing to refund. */
function isReleased(change: OrderChange): boolean {
  return isOver(change, 'reversed') && change.after.received === 0;
}
