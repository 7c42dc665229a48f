import type { Context } from '../context.ts';
import { logEvent } from '../log.ts';
import type { MerchantClient } from '../outbox/merchant-client.ts';
import type { Order } from '../shop/order.ts';

const minute = 60_000;
const hour = 60 * minute;
/** The pauses between the tries; about three days in all. */
const pausesMs = [
  5_000,
  minute,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
];
const claimMs = minute;

/**
 * Tells the merchant's own system of every order that became due, at least once each, until it answers 2xx.
 * Gives how many it took. An order that is held or refunded meanwhile is not told of.
 */
export async function notifyFulfilment(
  context: Pick<Context, 'store' | 'now' | 'log'>,
  merchant: MerchantClient,
  signal = new AbortController().signal,
): Promise<number> {
  for (let taken = 0; ; ) {
    if (signal.aborted) return taken;
    const until = new Date(context.now().getTime() + claimMs);
    const [due] = await context.store.claimNotifications(context.now(), until, 1);
    if (due === undefined) return taken;
    const { order, tries } = due;
    const sentAt = context.now();
    const { isTaken, answer } = await merchant.notify({
      id: `due_${order.reference}`,
      sentAt,
      payload: dueNotification(order, sentAt),
    });
    const pause = pausesMs[tries - 1];
    const nextTryAt = isTaken || pause === undefined ? null : new Date(context.now().getTime() + pause);
    await context.store.endNotification(order.id, { notifiedAt: isTaken ? context.now() : null, nextTryAt });
    if (isTaken) taken += 1;
    else {
      const fields = { orderReference: order.reference, answer, tries, nextTryAt };
      logEvent(context.log, nextTryAt === null ? 'notificationAbandoned' : 'notificationFailed', fields);
    }
  }
}

function dueNotification(order: Order, timestamp: Date): unknown {
  const { lines, delivery, total, currencyCode } = order.basket;
  return {
    type: 'order.due',
    timestamp: timestamp.toISOString(),
    data: {
      reference: order.reference,
      total: { value: total, currencyCode },
      delivery: { caption: delivery.caption, amount: { value: delivery.amount, currencyCode } },
      items: lines.map(({ sku, name, quantity }) => ({ sku, name, quantity })),
    },
  };
}
