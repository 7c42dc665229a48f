import type { Context } from '../context.ts';
import { logEvent } from '../log.ts';
import type { MerchantClient } from '../outbox/merchant-client.ts';
import type { Order } from '../shop/order.ts';
import { claimUntil, nextNotification } from '../shop/schedule.ts';

/**
 * Notifies the merchant's system of every order that became due, at least once each, until it answers 2xx.
 * Resolves to how many it accepted. An order that is held or refunded meanwhile is not sent.
 */
export async function notifyFulfilment(
  context: Pick<Context, 'store' | 'now' | 'log'>,
  merchant: MerchantClient,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  for (let taken = 0; ; ) {
    if (signal.aborted) return taken;
    const now = context.now();
    const [due] = await context.store.claimNotifications(now, claimUntil(now), 1);
    if (due === undefined) return taken;
    const { order, tries } = due;
    const sentAt = context.now();
    const { isTaken, answer } = await merchant.notify({
      id: `due_${order.reference}`,
      sentAt,
      payload: dueNotification(order, sentAt),
    });
    const nextTryAt = isTaken ? null : nextNotification(context.now(), tries);
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
