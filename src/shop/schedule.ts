const minute = 60_000;
const hour = 60 * minute;

/** After the checkout: soon while webhooks may be late, rarely once they are lost, and never for ever. */
const checksAfter = [2 * minute, 5 * minute, 15 * minute, hour, 7 * hour, 13 * hour, 19 * hour, 25 * hour];
/** A orphan intent cannot be paid, since nobody was shown its link; it is looked for until its call must have ended. */
const orphanChecksAfter = [minute, 5 * minute, 15 * minute];

/**
 * When to ask Dojo about an open order again; null when it was asked often enough. Looks that were missed are not made
 * up for all at once. A look that would fall close to the expiry of the intent is moved behind it, so that it settles
 * the order, and one look is always left for then.
 */
export function nextCheck(since: Date, checks: number, expireAt: Date | null, now: Date): Date | null {
  const after = checksAfter[checks];
  const afterExpiry = expireAt === null ? null : new Date(expireAt.getTime() + minute);
  if (after === undefined) return afterExpiry !== null && afterExpiry > now ? afterExpiry : null;
  const at = Math.max(since.getTime() + after, now.getTime() + (checks === 0 ? 0 : gapOf(checks)));
  const isCloseToExpiry = expireAt !== null && Math.abs(at - expireAt.getTime()) < minute;
  return isCloseToExpiry ? afterExpiry : new Date(at);
}

/** The pause before this look as the schedule has it, an hour at most. */
function gapOf(checks: number): number {
  return Math.min((checksAfter[checks] ?? 0) - (checksAfter[checks - 1] ?? 0), hour);
}

/** When to look for the intent of an ambiguous attempt again; null when it does not exist after all. */
export function nextOrphanCheck(since: Date, checks: number): Date | null {
  const after = orphanChecksAfter[checks];
  return after === undefined ? null : new Date(since.getTime() + after);
}
