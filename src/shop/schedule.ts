const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** When the shop asks Dojo or tries something again, in milliseconds. */
export const schedule = Object.freeze({
  /** An open order is checked this long after its payment attempt began: often while a webhook may be late. */
  checks: [2 * minute, 5 * minute, 15 * minute, hour],
  /** And between two searches that cover all intents which can still be paid. */
  payable: 5 * minute,
  /** After those, until Dojo calls the intent closed. */
  recheck: 6 * hour,
  /** A paid order is checked again this long after: refunds made in Dojo's portal are learnt even if their webhook is lost. */
  passes: [day, 7 * day, 30 * day, 90 * day],
  /** Many paid orders that are due for their first check wait until they are as old: by then most of their neighbours are paid. */
  firstPass: 495 * second,
  /** Many orders that are due are checked with all that began in the same stretch of this length. */
  gather: minute,
  /** Personal data of an order that ended unpaid is erased after this long; how often the shop looks for such. */
  unpaidCustomer: 30 * day,
  eraseCustomers: day,
  /** The stretch of checkouts whose payments are counted, and how long a shopper may take before one counts. */
  watchedCheckouts: hour,
  paidBy: 10 * minute,
  /** Between two searches for money that went back. */
  searchReturned: day,
  /** After this long Dojo releases a reservation that is not captured. It allows less than seven days. */
  reservation: 7 * day - hour,
  /** So long before, the merchant is warned. */
  reservationEnding: 2 * day,
  /** An orphan intent cannot be paid, since no one has its link: it is searched for until its create call must be over. */
  orphanChecks: [minute, 5 * minute, 15 * minute],
  /** A webhook names a status and no amount, and our own call may never be answered: this soon a check is due. */
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
