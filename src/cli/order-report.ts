import type { PaymentIntentStatus } from '../dojo/schemas.ts';
import { formatMoney } from '../shop/money.ts';
import type { Order, PaymentAttempt } from '../shop/order.ts';

/** Minor units; null if the store cannot know. */
type Amount = number | null;

/** An order as scripts read it. Amounts are minor units, times ISO 8601, and null is what the store does not know. */
export type OrderReport = {
  readonly reference: string;
  readonly status: string;
  readonly holds: readonly string[];
  readonly currencyCode: string;
  readonly total: number;
  readonly money: { readonly received: Amount; readonly returned: Amount; readonly kept: Amount };
  readonly payments: readonly {
    readonly number: number;
    readonly paymentIntentId: string | null;
    /** Dojo's status as far as the store has heard; null if no intent is known. */
    readonly status: PaymentIntentStatus | null;
    readonly received: Amount;
    readonly returned: Amount;
  }[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly paidAt: string | null;
  readonly sentAt: string | null;
};

export function reportOrder(order: Order): OrderReport {
  const { total, currencyCode } = order.basket;
  const payments = order.attempts.map((attempt) => ({
    number: attempt.number,
    paymentIntentId: attempt.paymentIntentId,
    status: findPaymentStatus(attempt),
    ...findMoney(attempt, total),
  }));
  const received = sum(payments.map((payment) => payment.received));
  const returned = sum(payments.map((payment) => payment.returned));
  return {
    reference: order.reference,
    status: order.status,
    holds: order.holds,
    currencyCode,
    total,
    money: { received, returned, kept: received === null || returned === null ? null : received - returned },
    payments,
    createdAt: order.createdAt.toISOString(),
    updatedAt: order.updatedAt.toISOString(),
    paidAt: null,
    sentAt: null,
  };
}

/** The same for a person. */
export function describeOrder(order: Order): string {
  const { status, holds, currencyCode, total, money, payments } = reportOrder(order);
  const format = (value: Amount) => (value === null ? 'unknown' : formatMoney({ value, currencyCode }));
  return [
    `${order.reference}  ${status}${holds.length > 0 ? `, held: ${holds.join(', ')}` : ''}`,
    `  total ${format(total)}: ${order.basket.lines.map((line) => `${line.quantity} × ${line.name}`).join(', ')}`,
    `  received ${format(money.received)}, returned ${format(money.returned)}, kept ${format(money.kept)}`,
    ...payments.map(
      (payment, index) =>
        `  payment ${payment.number}: ${payment.paymentIntentId ?? 'no intent'}, ${payment.status ?? order.attempts[index]?.state}`,
    ),
    '',
  ].join('\n');
}

/** The first fact that holds names the status. */
function findPaymentStatus({ paymentIntentId, facts }: PaymentAttempt): PaymentIntentStatus | null {
  if (paymentIntentId === null) return null;
  if (facts.refunded) return 'Refunded';
  if (facts.reversed) return 'Reversed';
  if (facts.captured) return 'Captured';
  if (facts.canceled || facts.expired) return 'Canceled';
  return facts.authorized ? 'Authorized' : 'Created';
}

/** A capture takes the whole total. If Dojo holds another amount than the order, the store does not know which. */
function findMoney({ facts }: PaymentAttempt, total: number): { received: Amount; returned: Amount } {
  if (!facts.captured) return { received: 0, returned: 0 };
  if (facts.mismatched) return { received: null, returned: null };
  return { received: total, returned: facts.refunded || facts.reversed ? total : facts.refundedAmount };
}

function sum(amounts: readonly Amount[]): Amount {
  return amounts.reduce((total, amount) => (total === null || amount === null ? null : total + amount), 0);
}
