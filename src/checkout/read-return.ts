import type { Context } from '../context.ts';
import { DojoError } from '../dojo/errors.ts';
import type { PaymentIntent } from '../dojo/schemas.ts';
import { logEvent } from '../log.ts';
import { findAttached, findMismatch, isUnpaid, type Order } from '../shop/order.ts';
import { type OrderTruth, truthOfOrder, truthOfReturn } from '../shop/order-page.ts';

/** Whoever opens the page of an order, Dojo is asked about it at most once in this time. */
const rememberMs = 10_000;

export type ReadReturn = {
  readonly order: Order;
  readonly truth: OrderTruth;
  /** True if Dojo was asked for this page and answered. */
  readonly askedJustNow: boolean;
  /** Money was taken or reserved, as the store or Dojo says: the goods need not be in the basket any more. */
  readonly isBought: boolean;
};

const bought: ReadonlySet<OrderTruth> = new Set(['paid', 'confirming', 'authorized', 'held']);

/** What the returning browser may read. Asks Dojo and the store, and changes nothing. */
export async function readReturn(context: Context, order: Order): Promise<ReadReturn> {
  const attached = findAttached(order);
  // Once the store has settled the order, Dojo's answer would not change this page; without an intent there is nothing to ask.
  if (attached?.paymentIntentId == null || !isUnpaid(order)) {
    const truth = truthOfOrder(order);
    return { order, truth, askedJustNow: false, isBought: bought.has(truth) };
  }
  const { answer, isFromNow } = askOrRemember(context, order, attached.paymentIntentId);
  const intent = await answer;
  // The webhook may have come while Dojo was asked.
  const current = (await context.store.findOrderByToken(order.token)) ?? order;
  const truth = truthOfReturn(current, intent, isFromNow);
  // An old answer that nothing was taken is no reason to expect that something was.
  const isOld = truth === 'confirming' && intent?.status === 'Created';
  return {
    order: current,
    truth,
    askedJustNow: isFromNow && intent !== null,
    isBought: bought.has(truth) && !isOld,
  };
}

type Answer = Promise<PaymentIntent | null>;
type Remembered = { readonly askedAt: number; readonly answer: Answer };

/** What each client of this process was asked, oldest first: by intent, for as long as it counts. */
const remembered = new WeakMap<Context['dojo'], Map<string, Remembered>>();

/** A call under way is joined. It may have been answered before this page was asked for, so it does not count as from now. */
function askOrRemember(
  context: Context,
  order: Order,
  paymentIntentId: string,
): { readonly answer: Answer; readonly isFromNow: boolean } {
  const answers = remembered.get(context.dojo) ?? new Map<string, Remembered>();
  remembered.set(context.dojo, answers);
  const askedAt = context.now().getTime();
  for (const [id, { askedAt: before }] of answers) {
    // A time to come is from before the clock was set back.
    if (before <= askedAt && askedAt - before < rememberMs) break;
    answers.delete(id);
  }
  const known = answers.get(paymentIntentId);
  if (known !== undefined) return { answer: known.answer, isFromNow: false };
  const answer = askDojo(context, order, paymentIntentId);
  answers.set(paymentIntentId, { askedAt, answer });
  return { answer, isFromNow: true };
}

/** Null if there is no usable answer. `DOJO_TIMEOUT_MS` limits the call: "we do not know yet" is a good answer too. */
async function askDojo(context: Context, order: Order, paymentIntentId: string): Answer {
  const log = context.log.child({ orderReference: order.reference, paymentIntentId });
  try {
    const intent = await context.dojo.getPaymentIntent(paymentIntentId);
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
