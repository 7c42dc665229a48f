import type { Context } from '../context.ts';
import { DojoError, type DojoErrorKind } from '../dojo/errors.ts';
import type { PaymentIntent } from '../dojo/schemas.ts';
import { logEvent } from '../log.ts';
import {
  type BasketItem,
  type BasketProblem,
  isSameGoods,
  isSamePurchase,
  type PricedBasket,
  priceBasket,
} from '../shop/basket.ts';
import { type Customer, isSameCustomer } from '../shop/customer.ts';
import type { NewOrder } from '../shop/order.ts';
import {
  createOrderId,
  createToken,
  findAttached,
  findMismatch,
  isPayable,
  isSettled,
  type Order,
  referenceOf,
} from '../shop/order.ts';
import type { AttachedIntent, AttemptStart } from '../shop/payment-attempt.ts';
import { nextOrphanCheck, plus, schedule } from '../shop/schedule.ts';
import type { BegunAttempt, OpenPaymentLimits } from '../store/order-store.ts';
import { createIntentRequest, parsePaymentLink } from './create-intent-request.ts';
import { limitDojo, minimumCallMs } from './limit-dojo.ts';
import { settleOrder } from './settle-order.ts';

/**
 * - `ready`: the shopper may pay at the link
 * - `settled`: money was received or authorised for the order
 * - `closed`: the order was cancelled or expired; only a new key can help
 * - `refused`: the basket cannot be bought as it is
 * - `total-changed`: it costs something other than the shopper or the program was shown
 * - `basket-changed`: the key belongs to another purchase
 * - `details-changed`: the key belongs to the same purchase for another customer or place; only a new key can help
 * - `too-many-open`: the shopper, or their address, has too many payments open
 * - `dojo-unavailable`: no payment page just now; the same key may try again
 * - `dojo-refused`: Dojo answered with something that must not be used
 * - `exhausted`: the order's attempts are used up, its link has expired or a newer order supersedes it; only a new key
 *   can help
 */
export type PlacedOrder =
  | {
      readonly kind: 'ready';
      readonly order: NewOrder;
      readonly paymentIntentId: string;
      readonly paymentLink: string;
    }
  | { readonly kind: 'settled'; readonly order: NewOrder }
  | { readonly kind: 'closed' | 'exhausted'; readonly order: NewOrder }
  | { readonly kind: 'refused'; readonly problem: BasketProblem }
  | { readonly kind: 'total-changed'; readonly basket: PricedBasket }
  | { readonly kind: 'basket-changed' | 'details-changed' | 'too-many-open' }
  | {
      readonly kind: 'dojo-unavailable' | 'dojo-refused';
      readonly order: NewOrder;
      readonly retryAfterMs: number | null;
    };

export type Purchase = {
  readonly items: readonly BasketItem[];
  readonly checkoutKey: string;
  readonly shopperId: string;
  /** Who buys; null if the shop does not ask. */
  readonly customer?: Customer | null;
  /** What the buyer was shown, in minor units. */
  readonly expectedTotal?: number | undefined;
  /** From where, as a keyed hash; missing where no limit on open payments is meant. */
  readonly address?: string;
  /** The checkout keys of the shopper's other orders: those that are unpaid are superseded. */
  readonly supersedes?: readonly string[];
};

/** Everything between the click and the redirect happens within this time. */
const answerWithinMs = 10_000;
const maxCreates = 2;
const pollMs = 100;

/**
 * Turns a basket into an order with a payment link. The order is stored before Dojo is asked,
 * and its intent before the shopper is sent away. The same key with the same goods is the same order as first priced,
 * from any number of requests and processes at once.
 */
export async function placeOrder(context: Context, purchase: Purchase): Promise<PlacedOrder> {
  const deadline = context.now().getTime() + answerWithinMs;
  const { items, checkoutKey, customer = null, expectedTotal } = purchase;
  const priced = priceBasket(context.catalogue, items);
  if (priced.kind === 'priced' && (expectedTotal ?? priced.basket.total) === priced.basket.total) {
    const begun = await storeOrder(context, purchase, priced.basket);
    if ('order' in begun) return arrangePayment(context, begun, { customer, deadline });
    if (begun.kind === 'too-many-open') return begun;
  }
  const known = await context.store.findOrderByCheckoutKey(checkoutKey);
  if (known === null) {
    return priced.kind === 'refused' ? priced : { kind: 'total-changed', basket: priced.basket };
  }
  if (!isSameGoods(known.basket.lines, items)) return { kind: 'basket-changed' };
  if (!(await isFor(context, known, customer))) return { kind: 'details-changed' };
  return arrangePayment(context, await beginAgain(context, known), { customer, deadline });
}

/**
 * The same from a page, which may be older than the shopper's basket and its prices: what it showed is charged, or nothing.
 * `isCurrent`: its key is the one that the basket has now.
 */
export async function placeShownOrder(
  context: Context,
  purchase: Purchase,
  isCurrent: boolean,
): Promise<PlacedOrder> {
  const deadline = context.now().getTime() + answerWithinMs;
  const { items, checkoutKey, shopperId, customer = null, expectedTotal } = purchase;
  const priced = priceBasket(context.catalogue, items);
  const isAsShown = priced.kind === 'priced' && priced.basket.total === expectedTotal;
  const begun = isAsShown && isCurrent ? await storeOrder(context, purchase, priced.basket) : null;
  if (begun !== null && 'order' in begun) return arrangePayment(context, begun, { customer, deadline });
  if (begun?.kind === 'too-many-open') return begun;
  const known = await context.store.findOrderByCheckoutKey(checkoutKey);
  const order = known?.shopperId === shopperId ? known : null;
  if (order !== null && isSettled(order)) return { kind: 'settled', order };
  if (priced.kind === 'refused') return priced;
  if (!isAsShown) return { kind: 'total-changed', basket: priced.basket };
  if (order !== null && begun?.kind === 'details-changed') return begun;
  if (order === null || !isPayable(order) || !isSamePurchase(order.basket, priced.basket))
    return { kind: 'basket-changed' };
  if (!(await isFor(context, order, customer))) return { kind: 'details-changed' };
  return arrangePayment(context, await beginAgain(context, order), { customer, deadline });
}

/** Of an order whose customer was erased no one can tell. */
async function isFor({ store }: Context, order: Order, customer: Customer | null): Promise<boolean> {
  return order.erasedAt !== null || isSameCustomer(await store.findCustomer(order.id), customer);
}

/** Stores the order with its first attempt in one commit, or begins another attempt if the key has an order already. */
async function storeOrder(
  context: Context,
  purchase: Purchase,
  basket: PricedBasket,
): Promise<BegunAttempt | { kind: 'basket-changed' | 'details-changed' | 'too-many-open' }> {
  await context.intake.assertOpen();
  for (;;) {
    const createdAt = context.now();
    const id = createOrderId(createdAt, context.random());
    const order: NewOrder = {
      id,
      reference: referenceOf(id),
      token: createToken(id, context.createSecret()),
      checkoutKey: purchase.checkoutKey,
      shopperId: purchase.shopperId,
      basket,
      createdAt,
    };
    const { supersedes = [], customer = null } = purchase;
    const placed = await context.store.placeOrder(order, startAt(context, createdAt), {
      supersedes,
      customer,
      limits: limitsOf(context, purchase, createdAt),
    });
    if (placed.kind === 'placed') return { kind: 'begun', order, number: 1 };
    if (placed.kind !== 'id-taken') return placed;
  }
}

const openOfShopper = 10;
/** As many as an address may begin in so many minutes. Whoever lets an address begin very many means no such limit. */
const openMinutesOfAddress = 10;
const mostOfAddress = 6_000;

function limitsOf({ config }: Context, { address }: Purchase, now: Date): OpenPaymentLimits | null {
  if (address === undefined) return null;
  const ofAddress = openMinutesOfAddress * config.http.checkoutRate;
  return {
    address,
    ofShopper: openOfShopper,
    ofAddress: ofAddress > mostOfAddress ? null : ofAddress,
    since: plus(now, -config.payment.expiryMinutes * 60_000),
  };
}

/** Takes part in the order's attempts until one has a link, however many requests do the same at once. */
async function arrangePayment(
  unlimited: Context,
  first: BegunAttempt,
  { customer, deadline }: { customer: Customer | null; deadline: number },
): Promise<PlacedOrder> {
  const context = limitDojo(unlimited, deadline);
  const remainingMs = () => deadline - context.now().getTime();
  const { order } = first;
  let begun = first;
  // Counted as well, for a clock that is set back meanwhile.
  let polls = 0;
  for (let creates = 0; ; begun = await beginAgain(context, order)) {
    if (begun.kind === 'begun') {
      creates += 1;
      const outcome = await attempt(context, order, { number: begun.number, customer });
      const isLast = creates >= maxCreates || remainingMs() < minimumCallMs;
      if (outcome.kind === 'done' || isLast) return outcome.placed;
    } else if (begun.kind === 'under-way') {
      polls += 1;
      const isOver = remainingMs() <= 0 || polls > answerWithinMs / pollMs;
      if (isOver) return { kind: 'dojo-unavailable', order, retryAfterMs: schedule.attemptLease };
      await context.sleep(pollMs);
    } else {
      return begun.kind === 'attached' ? continuePayment(context, begun.order) : unpayable(begun);
    }
  }
}

function unpayable({
  kind,
  order,
}: {
  readonly kind: BegunAttempt['kind'];
  readonly order: Order;
}): PlacedOrder {
  if (isSettled(order)) return { kind: 'settled', order };
  return { kind: kind === 'settled' ? 'closed' : 'exhausted', order };
}

async function beginAgain(context: Context, order: NewOrder): Promise<BegunAttempt> {
  await context.intake.assertOpen();
  return context.store.beginAttempt(order.id, startAt(context, context.now()));
}

function startAt({ config }: Context, createdAt: Date): AttemptStart {
  const leaseUntil = plus(createdAt, schedule.attemptLease);
  return { createdAt, leaseUntil, captureMode: config.payment.captureMode };
}

/** The order's link. Once it has expired, Dojo says whether the order was paid; if not, the order is closed. */
async function continuePayment(context: Context, order: Order): Promise<PlacedOrder> {
  const expireAt = findAttached(order)?.expireAt ?? null;
  if (expireAt === null || expireAt > context.now()) return ready(order);
  try {
    const settled = await settleOrder(context, order);
    if (isSettled(settled)) return { kind: 'settled', order: settled };
    return isPayable(settled) ? failed(order, 'unavailable') : { kind: 'exhausted', order: settled };
  } catch (error) {
    if (!(error instanceof DojoError)) throw error;
    return failed(order, error.kind, error.retryAfterMs);
  }
}

/** One call to Dojo and its outcome: `again` if a second call is safe and may help. */
async function attempt(
  context: Context,
  order: NewOrder,
  { number, customer }: { number: number; customer: Customer | null },
): Promise<{ kind: 'done' | 'again'; placed: PlacedOrder }> {
  const about = { orderReference: order.reference, attempt: number };
  let intent: PaymentIntent;
  try {
    const request = createIntentRequest({ order, attempt: number, customer }, context);
    intent = await context.dojo.createPaymentIntent(request);
  } catch (error) {
    if (!(error instanceof DojoError)) throw error;
    const isKeyRefused = error.kind === 'unauthorized' || error.kind === 'forbidden';
    const event = isKeyRefused ? 'apiKeyRefused' : 'paymentIntentFailed';
    logEvent(context.log, event, { ...about, err: error });
    const state = error.isAmbiguous ? 'ambiguous' : 'refused';
    const nextCheckAt = error.isAmbiguous ? nextOrphanCheck(context.now(), 0) : null;
    await context.store.endAttempt(
      order.id,
      number,
      { state, paymentIntentId: null, nextCheckAt },
      context.now(),
    );
    // A malformed answer would be malformed again.
    const again = error.isAmbiguous && error.kind !== 'malformed';
    return { kind: again ? 'again' : 'done', placed: failed(order, error.kind, error.retryAfterMs) };
  }

  const link = parsePaymentLink(intent, context.config.dojo.checkoutOrigin);
  // One that was paid, cancelled or anything else is not the one that was asked for just now.
  const isNew = intent.status === 'Created';
  const mismatch =
    findMismatch(order, intent) ?? (isNew ? null : 'status') ?? (link === null ? 'payment link' : null);
  const attached =
    link === null || mismatch !== null
      ? null
      : await context.store.attachIntent(order.id, number, attachable(intent, link), context.now());
  if (link !== null && attached === 'attached') {
    const { total: amount, currencyCode } = order.basket;
    const created = { ...about, paymentIntentId: intent.id, amount, currencyCode };
    logEvent(context.log, 'paymentIntentCreated', created);
    return {
      kind: 'done',
      placed: { kind: 'ready', order, paymentIntentId: intent.id, paymentLink: link },
    };
  }
  if (attached === 'superseded') return { kind: 'done', placed: { kind: 'exhausted', order } };
  if (attached === 'lost') {
    // This request was so slow that another took over. The next attempt finds the result.
    return { kind: 'again', placed: { kind: 'dojo-unavailable', order, retryAfterMs: null } };
  }
  const found = { paymentIntentId: intent.id, mismatch: mismatch ?? 'id of another attempt' };
  logEvent(context.log, 'paymentIntentMismatched', { ...about, ...found });
  const nextCheckAt = nextOrphanCheck(context.now(), 0);
  const end = { state: 'mismatched', paymentIntentId: intent.id, nextCheckAt } as const;
  await context.store.endAttempt(order.id, number, end, context.now());
  return { kind: 'done', placed: { kind: 'dojo-refused', order, retryAfterMs: null } };
}

function attachable(intent: PaymentIntent, paymentLink: string): AttachedIntent {
  const expireAt = new Date(intent.expireAt ?? Number.NaN);
  return { id: intent.id, paymentLink, expireAt: Number.isNaN(expireAt.getTime()) ? null : expireAt };
}

function ready(order: Order): PlacedOrder {
  const attached = findAttached(order);
  if (attached?.paymentIntentId == null || attached.paymentLink === null) return { kind: 'settled', order };
  return {
    kind: 'ready',
    order,
    paymentIntentId: attached.paymentIntentId,
    paymentLink: attached.paymentLink,
  };
}

/** Dojo answered, and would answer the same again. */
const refusals: ReadonlySet<DojoErrorKind> = new Set(['malformed', 'invalid', 'not-found', 'conflict']);

function failed(order: NewOrder, why: DojoErrorKind, retryAfterMs: number | null = null): PlacedOrder {
  return { kind: refusals.has(why) ? 'dojo-refused' : 'dojo-unavailable', order, retryAfterMs };
}
