import type { Context } from '../context.ts';
import { DojoError } from '../dojo/errors.ts';
import type { PaymentIntent } from '../dojo/schemas.ts';
import { logEvent } from '../log.ts';
import { claimUntil, nextOrphanCheck, retryOrphanCheck } from '../shop/schedule.ts';
import type { Orphan, OrphanOutcome } from '../store/order-store.ts';
import type { Run, Turns } from './check-orders.ts';
import { creationWindow, endsRun, searchPages } from './search-intents.ts';
import { closeIntent, getIntent, observeIntent } from './settle-order.ts';

const mostAtOnce = 500;
const minute = 60_000;

/**
 * Looks for intents that a create call may have left behind, and that no one was shown: unpaid they are canceled, and money in
 * one is held for a person. Those of one outage share their searches.
 */
export async function* checkOrphans(run: Run): Turns {
  const { store, now } = run.context;
  const claimed = await store.claimOrphans(now(), claimUntil(now()), mostAtOnce);
  const nameless = claimed.filter(({ attempt }) => attempt.paymentIntentId === null);
  for (const orphan of claimed) {
    const id = orphan.attempt.paymentIntentId;
    if (id !== null) yield await endCheck(run, orphan, () => getIntent(run.context, id));
  }
  yield* searchFor(run, nameless);
}

/**
 * Dojo cannot search for a reference, so the time since the first of the calls is searched for what was written into them. Up to
 * now: which date of an intent a search goes by is not documented, and it may have changed a moment ago.
 */
async function* searchFor(run: Run, orphans: readonly Orphan[]): Turns {
  const { context } = run;
  if (orphans.length === 0) return;
  const first = Math.min(...orphans.map(({ attempt }) => attempt.createdAt.getTime()));
  const window = creationWindow(context, new Date(first - minute), context.now());
  const missing = new Map(
    orphans.map((orphan) => [keyOf(orphan.order.reference, orphan.attempt.number), orphan]),
  );
  try {
    for await (const { rows } of searchPages(context, window)) {
      yield;
      for (const intent of rows) {
        const key = keyOf(intent.reference, intent.metadata?.attempt);
        const orphan = missing.get(key);
        if (orphan === undefined || isAttached(orphan, intent)) continue;
        missing.delete(key);
        yield await endCheck(run, orphan, async () => intent);
      }
      if (missing.size === 0) return;
    }
  } catch (error) {
    if (!(error instanceof DojoError) || endsRun.has(error.kind)) throw error;
    for (const orphan of missing.values()) await endCheck(run, orphan, () => Promise.reject(error));
    return;
  }
  for (const orphan of missing.values()) await endCheck(run, orphan, async () => null);
}

function keyOf(reference: string, attempt: unknown): string {
  return `${reference} ${String(attempt)}`;
}

/** A number may be used again after a refused call: the intent of another attempt of the order is not this one's. */
function isAttached({ order }: Orphan, { id }: PaymentIntent): boolean {
  return order.attempts.some((attempt) => attempt.paymentIntentId === id);
}

/** A check without a usable answer is logged and made again, later each time. */
async function endCheck(run: Run, orphan: Orphan, find: () => Promise<PaymentIntent | null>): Promise<void> {
  const { context } = run;
  run.counts.orphans += 1;
  try {
    await context.store.endOrphanCheck(orphan, await judge(context, orphan, await find()), context.now());
  } catch (error) {
    if (error instanceof DojoError && endsRun.has(error.kind)) throw error;
    logEvent(context.log, 'orderCheckFailed', { err: error, orderReference: orphan.order.reference });
    const { paymentIntentId, checks } = orphan.attempt;
    const nextCheckAt = retryOrphanCheck(context.now(), checks);
    const end = { state: unfound(orphan), paymentIntentId, nextCheckAt, observation: null };
    await context.store.endOrphanCheck(orphan, end, context.now());
  }
}

async function judge(context: Context, orphan: Orphan, intent: PaymentIntent | null): Promise<OrphanOutcome> {
  const { order, attempt } = orphan;
  const next = nextOrphanCheck(attempt.createdAt, attempt.checks);
  if (intent === null) {
    const state = next === null && attempt.paymentIntentId === null ? 'absent' : unfound(orphan);
    return { state, paymentIntentId: attempt.paymentIntentId, nextCheckAt: next, observation: null };
  }
  const askedAt = context.now();
  const closed = intent.status === 'Created' ? await closeIntent(context, intent.id) : intent;
  const isClosed = closed !== null && closed.status !== 'Created';
  const found = { ...attempt, paymentIntentId: intent.id };
  const observation = observeIntent(order, found, closed ?? intent, askedAt);
  const about = { orderReference: order.reference, paymentIntentId: intent.id };
  logEvent(context.log, 'orphanFound', { ...about, paymentStatus: closed?.status });
  return {
    state: attempt.state === 'mismatched' ? 'mismatched' : 'found',
    paymentIntentId: intent.id,
    nextCheckAt: isClosed ? null : next,
    // We had given it up: money in it is late.
    observation: { ...observation, expired: true },
  };
}

function unfound({ attempt }: Orphan): 'ambiguous' | 'mismatched' | 'found' {
  return attempt.state === 'mismatched' || attempt.state === 'found' ? attempt.state : 'ambiguous';
}
