import { formatMoney } from '../shop/money.ts';
import { findAttached, isPayable, type Order } from '../shop/order.ts';
import type { OrderTruth } from '../shop/order-page.ts';
import { isOwnOrder, type Session } from './session.ts';

/** What `views/orders/show.ejs` reads, with amounts and times as text. */
export function orderView(
  order: Order,
  session: Session,
  seen: { truth: OrderTruth; askedJustNow: boolean },
): Record<string, unknown> {
  const { basket } = order;
  const money = (value: number) => formatMoney({ value, currencyCode: basket.currencyCode });
  const isShopper = isOwnOrder(order, session);
  const refunded = order.attempts.reduce((sum, attempt) => sum + attempt.facts.refundedAmount, 0);
  // A shopper who may have paid already must not be invited to pay again.
  const mayPay = isPayable(order) && (seen.truth === 'unpaid' || seen.truth === 'placed');
  const isOver = seen.truth === 'canceled' || seen.truth === 'expired';
  return {
    truth: seen.truth,
    askedJustNow: seen.askedJustNow,
    status: order.status,
    heldReason: order.holds[0] ?? null,
    isShopper,
    noIndex: true,
    order: {
      reference: order.reference,
      total: money(basket.total),
      createdAt: formatTime(order.createdAt),
      updatedAt: formatTime(order.updatedAt),
    },
    lines: isShopper ? basket.lines.map((line) => lineView(line, money)) : [],
    goods: money(basket.goods),
    deliveryLine: {
      caption: basket.delivery.caption,
      amount: basket.delivery.amount === 0 ? 'Free' : money(basket.delivery.amount),
    },
    vat: money(basket.vat),
    vatRatePercent: basket.vatRatePercent,
    refunded: refunded > 0 ? money(refunded) : null,
    refundedAt: refunded > 0 ? formatTime(order.updatedAt) : null,
    sent: isShopper && isOnItsWay(order) ? { carrier: order.carrier, trackingUrl: order.trackingUrl } : null,
    payLink: isShopper && mayPay ? (findAttached(order)?.paymentLink ?? null) : null,
    rebuildAction: isShopper && isOver ? `/orders/${order.token}/basket` : null,
    statusUrl: null,
    checkAgainUrl: null,
  };
}

/** What went out and was not all paid back. */
function isOnItsWay({ sentAt, received, returned }: Order): boolean {
  return sentAt !== null && received > returned;
}

function lineView(line: Order['basket']['lines'][number], money: (value: number) => string) {
  const { name, quantity, picture, pictureAlt, lineTotal } = line;
  return { name, quantity, pictureAlt, picture: `/static/${picture}`, lineTotal: money(lineTotal) };
}

const timeFormat = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'long',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  timeZone: 'UTC',
  timeZoneName: 'short',
});

/** `22 November 2026 at 10:05 UTC`. */
function formatTime(time: Date): string {
  return timeFormat.format(time);
}
