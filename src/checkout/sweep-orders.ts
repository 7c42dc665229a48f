import { DojoError } from '../dojo/errors.ts';
import type { PaymentIntent } from '../dojo/schemas.ts';
import { nextStrayLook } from '../shop/sweep-schedule.ts';
import type { Stray } from '../store/order-store.ts';
import type { CheckoutDeps } from './deps.ts';
import { finishRefund } from './refund-order.ts';
import { closeIntent, getIntent, readIntent, settleOrder } from './settle-order.ts';

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
/** An answer to a refund that took longer than this will not come any more. */
const refundAfterMs = 60_000;
/** One page of the search is 100 intents; a window of minutes has fewer pages than this. */
const maxPages = 20;

/**
 * Asks Dojo about every order that is due for a look, finds the intents of calls whose answer was lost, and finishes
 * refunds whose answer was lost. One process at a time. Ends early where Dojo cannot be asked: what is due stays due.
 */
export async function sweepOrders(
  deps: CheckoutDeps,
  holder: string,
  signal = new AbortController().signal,
): Promise<Sweep> {
  const swept = { ran: false, orders: 0, strays: 0, refunds: 0 };
  const lease = async () =>
    !signal.aborted && deps.store.acquireLease('sweep', holder, deps.now(), inFuture(deps, claimMs));
  try {
    while (await lease()) {
      swept.ran = true;
      const [order] = await deps.store.claimLooks(deps.now(), inFuture(deps, claimMs), 1);
      if (order === undefined) break;
      await settleOrder(deps, order);
      swept.orders += 1;
      await deps.sleep(paceMs);
    }
    while (swept.ran && (await lease())) {
      const [stray] = await deps.store.claimStrays(deps.now(), inFuture(deps, claimMs), 1);
      if (stray === undefined) break;
      await lookForStray(deps, stray);
      swept.strays += 1;
      await deps.sleep(paceMs);
    }
    const open = swept.ran ? await deps.store.findOpenRefunds(inFuture(deps, -refundAfterMs)) : [];
    for (const refund of open) {
      if (!(await lease())) break;
      await finishRefund(deps, refund);
      swept.refunds += 1;
      await deps.sleep(paceMs);
    }
  } catch (error) {
    if (!(error instanceof DojoError)) throw error;
    deps.log.warn({ err: error }, 'The sweep ended early, because Dojo could not be asked');
  }
  if (swept.orders + swept.strays + swept.refunds > 0) deps.log.info(swept, 'Swept');
  return swept;
}

/** An intent that nobody was shown: unpaid it is canceled, and money in it is for a person. */
async function lookForStray(deps: CheckoutDeps, stray: Stray): Promise<void> {
  const { order, attempt } = stray;
  const intent =
    attempt.paymentIntentId === null
      ? await searchIntent(deps, stray)
      : await getIntent(deps, attempt.paymentIntentId);
  const next = nextStrayLook(attempt.createdAt, attempt.looks);
  if (intent === null) {
    const state = next === null && attempt.paymentIntentId === null ? 'absent' : unfound(stray);
    await deps.store.endStrayLook(
      stray,
      { state, paymentIntentId: attempt.paymentIntentId, nextLookAt: next },
      deps.now(),
    );
    return;
  }
  const closed = intent.status === 'Created' ? await closeIntent(deps, intent.id) : intent;
  const isClosed = closed !== null && closed.status !== 'Created';
  const state = attempt.state === 'mismatched' ? 'mismatched' : 'found';
  await deps.store.endStrayLook(
    stray,
    { state, paymentIntentId: intent.id, nextLookAt: isClosed ? null : next },
    deps.now(),
  );
  deps.log.warn(
    { orderReference: order.reference, paymentIntentId: intent.id, paymentStatus: closed?.status },
    'The sweep found a payment intent that nobody was shown',
  );
  if (closed === null) return;
  const reading = readIntent(order, { ...attempt, paymentIntentId: intent.id }, closed, deps.now());
  // We had given it up: money in it is late.
  await deps.store.recordReading({ ...reading, expired: true }, null);
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
    await deps.sleep(paceMs);
  }
  return null;
}

function inFuture(deps: CheckoutDeps, ms: number): Date {
  return new Date(deps.now().getTime() + ms);
}
