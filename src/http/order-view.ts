import type { ReadReturn } from '../checkout/read-return.ts';
import type { PricedBasket } from '../shop/basket.ts';
import { countryName } from '../shop/catalogue.ts';
import type { Customer, DeliveryAddress } from '../shop/customer.ts';
import { formatMoney } from '../shop/money.ts';
import { findAttached, isPayable, type Order } from '../shop/order.ts';
import { notTaken } from '../shop/order-money.ts';
import { isOwnOrder, type Session } from './session.ts';

/** What `views/orders/show.ejs` reads, with amounts and times as text. */
export function orderView(
  seen: ReadReturn,
  { session, customer, timeZone }: { session: Session; customer: Customer | null; timeZone: string },
): Record<string, unknown> {
  const { order, truth, askedJustNow } = seen;
  const { basket } = order;
  const money = (value: number) => formatMoney({ value, currencyCode: basket.currencyCode });
  const isShopper = isOwnOrder(order, session);
  const formatTime = createTimeFormat(timeZone);
  const refunded = order.returned;
  const untaken = order.attempts.reduce((sum, payment) => sum + (notTaken(payment, order) ?? 0), 0);
  // A shopper who may have paid already must not be invited to pay again.
  const mayPay = isPayable(order) && (truth === 'unpaid' || truth === 'placed');
  const isOver = truth === 'canceled' || truth === 'expired' || truth === 'superseded';
  const view = pricedView(basket);
  return {
    ...view,
    lines: isShopper ? view.lines : [],
    truth,
    askedJustNow,
    status: order.status,
    holds: order.holds,
    isShopper,
    noIndex: true,
    order: {
      reference: order.reference,
      total: money(basket.total),
      createdAt: formatTime(order.createdAt),
      updatedAt: formatTime(order.updatedAt),
    },
    received: money(order.received),
    notTaken: untaken > 0 ? money(untaken) : null,
    refunded: refunded > 0 ? money(refunded) : null,
    refundedAt: refunded > 0 ? formatTime(order.updatedAt) : null,
    recipient: isShopper && customer?.delivery ? recipientLines(customer.delivery) : null,
    sent: isShopper && isOnItsWay(order) ? { carrier: order.carrier, trackingUrl: order.trackingUrl } : null,
    payLink: isShopper && mayPay ? (findAttached(order)?.paymentLink ?? null) : null,
    rebuildAction: isShopper && isOver ? `/orders/${order.token}/basket` : null,
  };
}

/** As on a parcel. */
function recipientLines({ name, line1, line2, town, postcode, countryCode }: DeliveryAddress): string[] {
  return [name, line1, line2, town, postcode, countryName(countryCode)].filter((line) => line !== null);
}

/** What went out and was not all paid back. */
function isOnItsWay({ sentAt, received, returned }: Order): boolean {
  return sentAt !== null && received > returned;
}

/** Goods and amounts as every page shows them: basket, checkout and order. */
export function pricedView({
  lines,
  goods,
  delivery,
  vat,
  vatRatePercent,
  total,
  currencyCode,
}: PricedBasket) {
  const money = (value: number) => formatMoney({ value, currencyCode });
  return {
    lines: lines.map(({ sku, name, quantity, picture, pictureAlt, unitPrice, lineTotal }) => ({
      sku,
      name,
      quantity,
      pictureAlt,
      picture: `/static/${picture}`,
      unitPrice: money(unitPrice),
      lineTotal: money(lineTotal),
    })),
    goods: money(goods),
    deliveryLine: delivery && {
      caption: delivery.caption,
      amount: delivery.amount === 0 ? 'Free' : money(delivery.amount),
    },
    vat: money(vat),
    vatRatePercent,
    total: money(total),
  };
}

/** `22 November 2026 at 10:05 GMT`, in the shop's time zone. */
function createTimeFormat(timeZone: string): (time: Date) => string {
  const format = new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZone,
    timeZoneName: 'short',
  });
  return (time) => format.format(time);
}
