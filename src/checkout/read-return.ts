import type { Context } from '../context.ts';
import { DojoError } from '../dojo/errors.ts';
import type { PaymentIntent } from '../dojo/schemas.ts';
import { logEvent } from '../log.ts';
import { findAttached, findMismatch, isUnpaid, type Order } from '../shop/order.ts';
import { type OrderTruth, truthOfOrder, truthOfReturn } from '../shop/order-page.ts';

/** A shopper waits for this page, and "we do not know yet" is a good answer. */
const askWithinMs = 3_000;

export type ReadReturn = {
  readonly order: Order;
  readonly truth: OrderTruth;
  /** True if Dojo answered for this page. */
  readonly askedJustNow: boolean;
};

/** What the returning browser may read. Asks Dojo and the store, and changes nothing. */
export async function readReturn(context: Context, order: Order): Promise<ReadReturn> {
  const attached = findAttached(order);
  // Once the store has settled the order, Dojo's answer would not change this page; without an intent there is nothing to ask.
  if (attached?.paymentIntentId == null || !isUnpaid(order)) {
    return { order, truth: truthOfOrder(order), askedJustNow: false };
  }
  const intent = await askDojo(context, order, attached.paymentIntentId);
  // The webhook may have come while Dojo was asked.
  const current = (await context.store.findOrderByToken(order.token)) ?? order;
  return { order: current, truth: truthOfReturn(current, intent), askedJustNow: intent !== null };
}

async function askDojo(
  context: Context,
  order: Order,
  paymentIntentId: string,
): Promise<PaymentIntent | null> {
  const log = context.log.child({ orderReference: order.reference, paymentIntentId });
  try {
    const intent = await context.dojo.getPaymentIntent(paymentIntentId, { timeoutMs: askWithinMs });
    const mismatch = intent.id === paymentIntentId ? findMismatch(order, intent) : 'id';
    if (mismatch === null) return intent;
    logEvent(log, 'paymentIntentMismatched', { mismatch });
    return null;
  } catch (error) {
    if (!(error instanceof DojoError)) throw error;
    logEvent(log, 'paymentUnconfirmed', { err: error });
    return null;
  }
}
