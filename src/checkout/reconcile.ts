import type { Context } from '../context.ts';
import { DojoError } from '../dojo/errors.ts';
import { logEvent } from '../log.ts';
import { claimUntil } from '../shop/schedule.ts';
import { checkDue, type Run, searchReturned, type Turns } from './check-orders.ts';
import { checkOrphans } from './check-orphans.ts';
import { paceDojo } from './pace-dojo.ts';
import { finishRefund } from './refund-order.ts';
import { endsRun } from './search-intents.ts';

export type Reconciled = {
  /** False if another process reconciles. */
  readonly ran: boolean;
  readonly orders: number;
  readonly orphans: number;
  readonly refunds: number;
  /** The error that ended the run early, since Dojo could not be asked; null if everything due had its turn. */
  readonly stoppedBy: DojoError | null;
};

/**
 * Asks Dojo about every order that is due for a check, looks for money that went back, finds the intents of calls whose answer
 * was lost, and finishes refunds whose answer was lost. One process at a time. Ends early if Dojo cannot be asked: what is due
 * stays due.
 */
export async function reconcile(
  context: Context,
  holder: string,
  options: { readonly signal?: AbortSignal; readonly isPatient?: boolean } = {},
): Promise<Reconciled> {
  const run: Run = {
    context: paceDojo(context),
    isPatient: options.isPatient ?? false,
    waiting: new Map(),
    seen: new Set(),
    counts: { orders: 0, orphans: 0, refunds: 0 },
  };
  const mayGoOn = async () =>
    options.signal?.aborted !== true &&
    context.store.acquireLease('reconcile', holder, context.now(), claimUntil(context.now()));
  if (await context.store.noteTime(context.now())) logEvent(context.log, 'clockSetBack');
  if (!(await mayGoOn())) return { ran: false, ...run.counts, stoppedBy: null };
  let stoppedBy: DojoError | null = null;
  try {
    await takeTurns(run, mayGoOn);
  } catch (error) {
    if (!(error instanceof DojoError)) throw error;
    stoppedBy = error;
    logEvent(context.log, 'reconcileStopped', { err: error });
  } finally {
    // Free for the next run, in this process or another.
    await context.store.acquireLease('reconcile', holder, context.now(), context.now());
  }
  const { counts } = run;
  if (counts.orders + counts.orphans + counts.refunds > 0) logEvent(context.log, 'reconcileFinished', counts);
  return { ran: true, ...counts, stoppedBy };
}

/** One call to Dojo of each kind of work after another, so that none starves the others, until no kind has anything left. */
async function takeTurns(run: Run, mayGoOn: () => Promise<boolean>): Promise<void> {
  const kinds = [
    finishRefunds(run),
    checkOrphans(run),
    checkDue(run, 'unpaid'),
    checkDue(run, 'paid'),
    searchReturned(run),
  ];
  for (let going = kinds; going.length > 0; ) {
    const rest: Turns[] = [];
    for (const kind of going) {
      if (!(await mayGoOn())) return;
      if (await takeTurn(run, kind)) rest.push(kind);
    }
    going = rest;
  }
}

/** False if the kind of work is done, or failed in a way that concerns no other: that is logged. */
async function takeTurn({ context }: Run, kind: Turns): Promise<boolean> {
  try {
    return (await kind.next()).done !== true;
  } catch (error) {
    if (error instanceof DojoError && endsRun.has(error.kind)) throw error;
    logEvent(context.log, error instanceof DojoError ? 'searchFailed' : 'backgroundTaskFailed', {
      err: error,
    });
    return false;
  }
}

async function* finishRefunds({ context, counts }: Run): Turns {
  for (;;) {
    const refund = await context.store.claimOpenRefund(context.now());
    if (refund === null) return;
    counts.refunds += 1;
    try {
      await finishRefund(context, refund);
    } catch (error) {
      // One without a usable answer was claimed for later; the others have their turn.
      if (!(error instanceof DojoError) || endsRun.has(error.kind)) throw error;
      logEvent(context.log, 'orderCheckFailed', { err: error, orderReference: refund.order.reference });
    }
    yield;
  }
}
