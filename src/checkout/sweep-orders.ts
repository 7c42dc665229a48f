import { DojoError, type DojoErrorKind } from '../dojo/errors.ts';
import type { PaymentIntent } from '../dojo/schemas.ts';
import { findAttached, type Order } from '../shop/order.ts';
import { nextStrayLook } from '../shop/sweep-schedule.ts';
import type { Stray, StrayEnd } from '../store/order-store.ts';
import type { CheckoutDeps } from './deps.ts';
import { finishRefund } from './refund-order.ts';
import { closeIntent, getIntent, readIntent, scheduledLook, settleOrder } from './settle-order.ts';

export type Sweep = {
  /** False where another process sweeps. */
  readonly ran: boolean;
  readonly orders: number;
  readonly strays: number;
  readonly refunds: number;
};

/** About two requests a second: the shoppers' own calls come first. */
const paceMs = 500;
/** How long a claimed order stays claimed when the process that claimed it dies. */
const claimMs = 60_000;
/** One page of the search is 100 intents; a window of minutes has fewer pages than this. */
const maxPages = 20;

/** With these Dojo cannot be asked about anything; with the others one order has a fault of its own. */
const endsSweep: ReadonlySet<DojoErrorKind> = new Set([
  'unreachable',
  'paused',
  'unauthorized',
  'forbidden',
  'rate-limited',
]);

/**
 * Asks Dojo about every order that is due for a look, finds the intents of calls whose answer was lost, and finishes
 * refunds whose answer was lost. One process at a time. Ends early where Dojo cannot be asked: what is due stays due.
 */
export async function sweepOrders(
  deps: CheckoutDeps,
  holder: string,
  signal = new AbortController().signal,
): Promise<Sweep> {
  const paced = { ...deps, dojo: paceDojo(deps) };
  const counts = { orders: 0, strays: 0, refunds: 0 };
  const until = () => inFuture(deps, claimMs);
  const mayGoOn = async () =>
    !signal.aborted && deps.store.acquireLease('sweep', holder, deps.now(), until());
  if (!(await mayGoOn())) return { ran: false, ...counts };

  /** One kind of work, an item at a time; false where nothing is due. */
  const next: Record<keyof typeof counts, () => Promise<boolean>> = {
    refunds: async () => {
      const refund = await deps.store.claimOpenRefund(deps.now());
      if (refund !== null) await tryOne(deps, refund.order, () => finishRefund(paced, refund));
      return refund !== null;
    },
    orders: async () => {
      const [order] = await deps.store.claimLooks(deps.now(), until(), 1);
      if (order !== undefined && !(await tryOne(deps, order, () => settleOrder(paced, order)))) {
        await deps.store.planLook(order.id, scheduledLook(deps, order, findAttached(order) ?? undefined));
      }
      return order !== undefined;
    },
    strays: async () => {
      const [stray] = await deps.store.claimStrays(deps.now(), until(), 1);
      if (stray !== undefined && !(await tryOne(deps, stray.order, () => lookForStray(paced, stray)))) {
        await deps.store.endStrayLook(stray, tryAgain(deps, stray), deps.now());
      }
      return stray !== undefined;
    },
  };
  try {
    for (const kind of ['refunds', 'orders', 'strays'] as const) {
      while ((await mayGoOn()) && (await next[kind]())) counts[kind] += 1;
    }
  } catch (error) {
    if (!(error instanceof DojoError)) throw error;
    deps.log.warn({ err: error }, 'The sweep ended early, because Dojo could not be asked');
  } finally {
    // For whoever sweeps next, in this process or another.
    await deps.store.acquireLease('sweep', holder, deps.now(), deps.now());
  }
  if (counts.orders + counts.strays + counts.refunds > 0) deps.log.info(counts, 'Swept');
  return { ran: true, ...counts };
}

/** True where it went well; a fault of this one item is logged, and the others have their turn. */
async function tryOne(deps: CheckoutDeps, order: Order, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof DojoError) || endsSweep.has(error.kind)) throw error;
    deps.log.warn(
      { err: error, orderReference: order.reference },
      'Dojo gave no usable answer about an order',
    );
    return false;
  }
}

/** Dojo's client with a pause before every call of the sweep. */
function paceDojo({ dojo, sleep }: CheckoutDeps): CheckoutDeps['dojo'] {
  const paced =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      await sleep(paceMs);
      return call(...args);
    };
  return {
    ...dojo,
    getPaymentIntent: paced(dojo.getPaymentIntent),
    cancelPaymentIntent: paced(dojo.cancelPaymentIntent),
    searchPaymentIntents: paced(dojo.searchPaymentIntents),
    refundPaymentIntent: paced(dojo.refundPaymentIntent),
    reversePaymentIntent: paced(dojo.reversePaymentIntent),
  };
}

/** An intent that nobody was shown: unpaid it is canceled, and money in it is for a person. */
async function lookForStray(deps: CheckoutDeps, stray: Stray): Promise<void> {
  const { order, attempt } = stray;
  const askedAt = deps.now();
  const intent =
    attempt.paymentIntentId === null
      ? await searchIntent(deps, stray)
      : await getIntent(deps, attempt.paymentIntentId);
  const next = nextStrayLook(attempt.createdAt, attempt.looks);
  if (intent === null) {
    const state = next === null && attempt.paymentIntentId === null ? 'absent' : unfound(stray);
    const end: StrayEnd = {
      state,
      paymentIntentId: attempt.paymentIntentId,
      nextLookAt: next,
      reading: null,
    };
    await deps.store.endStrayLook(stray, end, deps.now());
    return;
  }
  const closed = intent.status === 'Created' ? await closeIntent(deps, intent.id) : intent;
  const isClosed = closed !== null && closed.status !== 'Created';
  const reading = readIntent(order, { ...attempt, paymentIntentId: intent.id }, closed ?? intent, askedAt);
  await deps.store.endStrayLook(
    stray,
    {
      state: attempt.state === 'mismatched' ? 'mismatched' : 'found',
      paymentIntentId: intent.id,
      nextLookAt: isClosed ? null : next,
      // We had given it up: money in it is late.
      reading: { ...reading, expired: true },
    },
    deps.now(),
  );
  deps.log.warn(
    { orderReference: order.reference, paymentIntentId: intent.id, paymentStatus: closed?.status },
    'The sweep found a payment intent that nobody was shown',
  );
}

/** A look that brought no usable answer found nothing out, so it is made again, later each time. */
function tryAgain(deps: CheckoutDeps, stray: Stray): StrayEnd {
  const { paymentIntentId, looks } = stray.attempt;
  const nextLookAt = inFuture(deps, claimMs * looks ** 2);
  return { state: unfound(stray), paymentIntentId, nextLookAt, reading: null };
}

function unfound({ attempt }: Stray): 'ambiguous' | 'mismatched' | 'found' {
  return attempt.state === 'mismatched' || attempt.state === 'found' ? attempt.state : 'ambiguous';
}

/** Dojo cannot search for a reference, so the minutes around the call are searched for what we wrote into it. */
async function searchIntent(deps: CheckoutDeps, { order, attempt }: Stray): Promise<PaymentIntent | null> {
  const from = new Date(attempt.createdAt.getTime() - 5 * 60_000).toISOString();
  const to = new Date(attempt.createdAt.getTime() + 20 * 60_000).toISOString();
  const known = new Set(order.attempts.map((entry) => entry.paymentIntentId));
  let after: string | null = null;
  for (let page = 0; page < maxPages; page += 1) {
    const found = await deps.dojo.searchPaymentIntents({
      startDate: from,
      endDate: to,
      cursor: { limit: 100, ...(after !== null && { after }) },
    });
    const match = found.data.find(
      (intent) =>
        intent.reference === order.reference &&
        !known.has(intent.id) &&
        intent.metadata?.attempt === String(attempt.number),
    );
    if (match !== undefined) return match;
    after = found.after ?? null;
    if (after === null || found.data.length === 0) return null;
  }
  return null;
}

function inFuture(deps: CheckoutDeps, ms: number): Date {
  return new Date(deps.now().getTime() + ms);
}
