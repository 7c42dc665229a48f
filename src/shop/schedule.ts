const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** When the shop asks Dojo or tries something again, in milliseconds. */
export const schedule = Object.freeze({
  /** An open order is checked this long after it was placed: often while a webhook may be late, never for ever. */
  checks: [2 * minute, 5 * minute, 15 * minute, hour, 7 * hour, 13 * hour, 19 * hour, 25 * hour],
  /** An orphan intent cannot be paid, since no one has its link: it is searched for until its create call must be over. */
  orphanChecks: [minute, 5 * minute, 15 * minute],
  /** A webhook names a status and no amount, and our own call may never be answered: Dojo is asked this soon. */
  verify: 30 * second,
  /** Dojo may count a refund some time after it accepts it. */
  refundCounted: 5 * minute,
  /** Times the square of the tries so far. An answer that takes longer than this never comes. */
  refundTry: minute,
  /** Pauses between the tries to send a message to the merchant's system: about three days in all. */
  messageTries: [
    5 * second,
    minute,
    5 * minute,
    30 * minute,
    2 * hour,
    5 * hour,
    10 * hour,
    14 * hour,
    20 * hour,
    24 * hour,
  ],
  /** Work that a process has claimed is free again after this long, should that process die. */
  claim: minute,
  /** Longer than any call that creates an intent can take. */
  attemptLease: 15 * second,
  /** Pauses of the background work. */
  reconcile: 15 * second,
  deliver: 5 * second,
});

/**
 * When to check an open order next; null once it was checked often enough. Missed checks are not made up for. A check
 * close to the expiry of the intent moves behind it, when it settles the order, and one check always remains for then.
 */
export function nextCheck(since: Date, checks: number, expireAt: Date | null, now: Date): Date | null {
  const after = schedule.checks[checks];
  const afterExpiry = expireAt === null ? null : plus(expireAt, minute);
  if (after === undefined) return afterExpiry !== null && afterExpiry > now ? afterExpiry : null;
  const at = Math.max(since.getTime() + after, now.getTime() + (checks === 0 ? 0 : gapBefore(checks)));
  const isCloseToExpiry = expireAt !== null && Math.abs(at - expireAt.getTime()) < minute;
  return isCloseToExpiry ? afterExpiry : new Date(at);
}

/** The scheduled pause before a check, an hour at most. */
function gapBefore(checks: number): number {
  return Math.min((schedule.checks[checks] ?? 0) - (schedule.checks[checks - 1] ?? 0), hour);
}

/** When to search for the intent of an ambiguous attempt next; null when it does not exist after all. */
export function nextOrphanCheck(since: Date, checks: number): Date | null {
  const after = schedule.orphanChecks[checks];
  return after === undefined ? null : plus(since, after);
}

/** After a check of an orphan that Dojo gave no usable answer to. */
export function retryOrphanCheck(now: Date, checks: number): Date {
  return plus(now, schedule.claim * checks ** 2);
}

/** When to ask again for a refund whose outcome is unknown. `tries` counts those made so far. */
export function nextRefundTry(now: Date, tries: number): Date {
  return plus(now, schedule.refundTry * Math.max(tries, 1) ** 2);
}

/** When to send a message again after so many tries; null when it is given up. */
export function nextMessageTry(now: Date, tries: number): Date | null {
  const pause = schedule.messageTries[tries - 1];
  return pause === undefined ? null : plus(now, pause);
}

export function claimUntil(now: Date): Date {
  return plus(now, schedule.claim);
}

export function plus(time: Date, ms: number): Date {
  return new Date(time.getTime() + ms);
}
