import type { Context } from '../context.ts';
import { DojoError, type DojoErrorKind } from '../dojo/errors.ts';
import type { PaymentIntent } from '../dojo/schemas.ts';
import { logEvent } from '../log.ts';
import { findAttached, type Order } from '../shop/order.ts';
import { claimUntil, nextOrphanCheck, retryOrphanCheck } from '../shop/schedule.ts';
import type { Orphan, OrphanOutcome } from '../store/order-store.ts';
import { finishRefund } from './refund-order.ts';
import { closeIntent, getIntent, observeIntent, scheduledCheck, settleOrder } from './settle-order.ts';

export type Reconciled = {
  /** False if another process reconciles. */
  readonly ran: boolean;
  readonly orders: number;
  readonly orphans: number;
  readonly refunds: number;
  /** The error that ended the run early, since Dojo could not be asked; null if everything due had its turn. */
  readonly stoppedBy: DojoError | null;
};

/** About two requests a second: the shoppers' own calls come first. */
const paceMs = 500;
/** One page of the search is 100 intents; a window of minutes has fewer pages than this. */
const maxPages = 20;

/** These mean that Dojo cannot be asked about anything; the others concern one order. */
const endsRun: ReadonlySet<DojoErrorKind> = new Set([
  'unreachable',
  'paused',
  'unauthorized',
  'forbidden',
  'rate-limited',
]);

/**
 * Asks Dojo about every order that is due for a check, finds the intents of calls whose answer was lost, and finishes
 * refunds whose answer was lost. One process at a time. Ends early if Dojo cannot be asked: what is due stays due.
 */
export async function reconcile(
  context: Context,
  holder: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<Reconciled> {
  const paced = { ...context, dojo: paceDojo(context) };
  const counts = { orders: 0, orphans: 0, refunds: 0 };
  const until = () => claimUntil(context.now());
  const mayGoOn = async () =>
    !signal.aborted && context.store.acquireLease('reconcile', holder, context.now(), until());
  if (!(await mayGoOn())) return { ran: false, ...counts, stoppedBy: null };

  /** One kind of work, an item at a time; false if nothing is due. */
  const next: Record<keyof typeof counts, () => Promise<boolean>> = {
    refunds: async () => {
      const refund = await context.store.claimOpenRefund(context.now());
      if (refund !== null) await tryOne(context, refund.order, () => finishRefund(paced, refund));
      return refund !== null;
    },
    orders: async () => {
      const [order] = await context.store.claimChecks(context.now(), until(), 1);
      if (order !== undefined && !(await tryOne(context, order, () => settleOrder(paced, order)))) {
        await context.store.planCheck(
          order.id,
          scheduledCheck(context, order, findAttached(order) ?? undefined),
        );
      }
      return order !== undefined;
    },
    orphans: async () => {
      const [orphan] = await context.store.claimOrphans(context.now(), until(), 1);
      if (orphan !== undefined && !(await tryOne(context, orphan.order, () => checkOrphan(paced, orphan)))) {
        await context.store.endOrphanCheck(orphan, tryAgain(context, orphan), context.now());
      }
      return orphan !== undefined;
    },
  };
  let stoppedBy: DojoError | null = null;
  try {
    for (const kind of ['refunds', 'orders', 'orphans'] as const) {
      while ((await mayGoOn()) && (await next[kind]())) counts[kind] += 1;
    }
  } catch (error) {
    if (!(error instanceof DojoError)) throw error;
    stoppedBy = error;
    logEvent(context.log, 'reconcileStopped', { err: error });
  } finally {
    // Free for the next run, in this process or another.
    await context.store.acquireLease('reconcile', holder, context.now(), context.now());
  }
  if (counts.orders + counts.orphans + counts.refunds > 0) logEvent(context.log, 'reconcileFinished', counts);
  return { ran: true, ...counts, stoppedBy };
}

/** False if this one item failed, which is logged; the others have their turn. */
async function tryOne(context: Context, order: Order, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof DojoError) || endsRun.has(error.kind)) throw error;
    logEvent(context.log, 'orderCheckFailed', { err: error, orderReference: order.reference });
    return false;
  }
}

/** Dojo's client with a pause before every call. */
function paceDojo({ dojo, sleep }: Context): Context['dojo'] {
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

/** An intent that no one was shown: unpaid it is canceled, and money in it is held for a person. */
async function checkOrphan(context: Context, orphan: Orphan): Promise<void> {
  const { order, attempt } = orphan;
  const askedAt = context.now();
  const intent =
    attempt.paymentIntentId === null
      ? await searchIntent(context, orphan)
      : await getIntent(context, attempt.paymentIntentId);
  const next = nextOrphanCheck(attempt.createdAt, attempt.checks);
  if (intent === null) {
    const state = next === null && attempt.paymentIntentId === null ? 'absent' : unfound(orphan);
    const end: OrphanOutcome = {
      state,
      paymentIntentId: attempt.paymentIntentId,
      nextCheckAt: next,
      observation: null,
    };
    await context.store.endOrphanCheck(orphan, end, context.now());
    return;
  }
  const closed = intent.status === 'Created' ? await closeIntent(context, intent.id) : intent;
  const isClosed = closed !== null && closed.status !== 'Created';
  const observation = observeIntent(
    order,
    { ...attempt, paymentIntentId: intent.id },
    closed ?? intent,
    askedAt,
  );
  await context.store.endOrphanCheck(
    orphan,
    {
      state: attempt.state === 'mismatched' ? 'mismatched' : 'found',
      paymentIntentId: intent.id,
      nextCheckAt: isClosed ? null : next,
      // We had given it up: money in it is late.
      observation: { ...observation, expired: true },
    },
    context.now(),
  );
  const found = { orderReference: order.reference, paymentIntentId: intent.id };
  logEvent(context.log, 'orphanFound', { ...found, paymentStatus: closed?.status });
}

/** A check without a usable answer is made again, later each time. */
function tryAgain(context: Context, orphan: Orphan): OrphanOutcome {
  const { paymentIntentId, checks } = orphan.attempt;
  const nextCheckAt = retryOrphanCheck(context.now(), checks);
  return { state: unfound(orphan), paymentIntentId, nextCheckAt, observation: null };
}

function unfound({ attempt }: Orphan): 'ambiguous' | 'mismatched' | 'found' {
  return attempt.state === 'mismatched' || attempt.state === 'found' ? attempt.state : 'ambiguous';
}

/** Dojo cannot search for a reference, so the minutes around the call are searched for what we wrote into it. */
async function searchIntent(context: Context, { order, attempt }: Orphan): Promise<PaymentIntent | null> {
  const from = new Date(attempt.createdAt.getTime() - 5 * 60_000).toISOString();
  const to = new Date(attempt.createdAt.getTime() + 20 * 60_000).toISOString();
  const known = new Set(order.attempts.map((entry) => entry.paymentIntentId));
  let after: string | null = null;
  for (let page = 0; page < maxPages; page += 1) {
    const found = await context.dojo.searchPaymentIntents({
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
