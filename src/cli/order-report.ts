import type { PaymentIntentStatus } from '../dojo/schemas.ts';
import type { Customer } from '../shop/customer.ts';
import { formatMoney } from '../shop/money.ts';
import type { Order, PaymentAttempt } from '../shop/order.ts';
import { notTaken, orderMoney } from '../shop/order-money.ts';

/** An order as scripts read it. Amounts are minor units, times ISO 8601; null is what has not happened. */
export type OrderReport = {
  readonly reference: string;
  readonly status: string;
  readonly holds: readonly string[];
  readonly currencyCode: string;
  readonly total: number;
  readonly money: { readonly received: number; readonly returned: number; readonly kept: number };
  readonly payments: readonly {
    readonly number: number;
    readonly paymentIntentId: string | null;
    /** Dojo's status as far as the store has heard; null if no intent is known. */
    readonly status: PaymentIntentStatus | null;
    readonly received: number;
    readonly returned: number;
  }[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly paidAt: string | null;
  readonly sentAt: string | null;
  readonly erasedAt: string | null;
  /** Null if it was erased, or the shop does not ask. */
  readonly customer: Customer | null;
};

export function reportOrder(order: Order, customer: Customer | null): OrderReport {
  const { received, returned, kept, payments } = orderMoney(order);
  return {
    reference: order.reference,
    status: order.status,
    holds: order.holds,
    currencyCode: order.currencyCode,
    total: order.total,
    money: { received, returned, kept },
    payments: payments.map(({ payment, ...money }) => ({
      number: payment.number,
      paymentIntentId: payment.paymentIntentId,
      status: findPaymentStatus(payment),
      received: money.received,
      returned: money.returned,
    })),
    createdAt: order.createdAt.toISOString(),
    updatedAt: order.updatedAt.toISOString(),
    paidAt: order.paidAt?.toISOString() ?? null,
    sentAt: order.sentAt?.toISOString() ?? null,
    erasedAt: order.erasedAt?.toISOString() ?? null,
    customer,
  };
}

/** The same for a person. */
export function describeOrder(order: Order, customer: Customer | null): string {
  const format = (value: number) => formatMoney({ value, currencyCode: order.currencyCode });
  const { received, returned, kept, payments } = orderMoney(order);
  const money = (sums: { received: number; returned: number; kept: number }) =>
    `received ${format(sums.received)}, returned ${format(sums.returned)}, kept ${format(sums.kept)}`;
  return [
    `${order.reference}  ${order.status}${order.holds.length > 0 ? `, held: ${order.holds.join(', ')}` : ''}`,
    `  total ${format(order.total)}: ${order.basket.lines.map((line) => `${line.quantity} × ${line.name}`).join(', ')}`,
    `  ${money({ received, returned, kept })}`,
    ...payments.map(({ payment, ...sums }) => {
      const untaken = notTaken(payment, order) ?? 0;
      const status = findPaymentStatus(payment) ?? payment.state;
      const rest = untaken > 0 ? `, ${format(untaken)} not taken` : '';
      const share = payments.length > 1 ? `, ${money(sums)}` : '';
      return `  payment ${payment.number}: ${payment.paymentIntentId ?? 'no intent'}, ${status}${share}${rest}`;
    }),
    ...(customer === null ? [] : describeCustomer(customer)),
    ...(order.erasedAt === null ? [] : [`  personal data erased ${order.erasedAt.toISOString()}`]),
    ...(order.sentAt === null ? [] : [`  sent ${order.sentAt.toISOString()}${wayOf(order)}`]),
    ...order.decisions.map(
      ({ action, settles, decidedBy, decidedAt, reason }) =>
        `  ${decidedAt.toISOString()} ${decidedBy} decided to ${action} (${Object.keys(settles).join(', ')}): ${reason}`,
    ),
    '',
  ].join('\n');
}

function describeCustomer({ emailAddress, name, phoneNumber, delivery }: Customer): string[] {
  const contact = [name, emailAddress, phoneNumber].filter(Boolean).join(', ');
  if (delivery === null) return [`  for ${contact}`];
  const { name: recipient, line1, line2, town, postcode, countryCode, note } = delivery;
  const address = [recipient, line1, line2, town, postcode, countryCode].filter(Boolean).join(', ');
  return [
    `  for ${contact}`,
    `  to ${address}`,
    ...(note === null ? [] : [`  note ${JSON.stringify(note)}`]),
  ];
}

function wayOf({ carrier, trackingUrl }: Order): string {
  return [carrier && ` with ${carrier}`, trackingUrl && `: ${trackingUrl}`].filter(Boolean).join('');
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
