import type { Context } from '../context.ts';
import { logEvent } from '../log.ts';
import { claimUntil, plus, schedule } from '../shop/schedule.ts';

/** Fewer say nothing. */
const leastBegun = 50;
/** Of a usual shop, most who go on to pay do pay. */
const unusualShare = 0.9;

/**
 * Warns when nearly all checkouts of the last hour are unpaid: someone may be trying stolen cards, whose refusals Dojo tells no one.
 * Those of the last minutes may still be paid, and do not count. Once an hour, in one process.
 */
export async function watchCheckouts({ store, log, now, createSecret }: Context): Promise<void> {
  const startedAt = now();
  const holder = createSecret();
  if (!(await store.acquireLease('watch-checkouts', holder, startedAt, claimUntil(startedAt)))) return;
  const { begun, unpaid } = await store.countCheckouts(
    plus(startedAt, -schedule.watchedCheckouts),
    plus(startedAt, -schedule.paidBy),
  );
  if (begun < leastBegun || unpaid < unusualShare * begun) return;
  logEvent(log, 'checkoutsUnpaid', { orders: begun, unpaid });
  await store.acquireLease('watch-checkouts', holder, now(), plus(startedAt, schedule.watchedCheckouts));
}
