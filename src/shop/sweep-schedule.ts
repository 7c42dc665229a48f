const minute = 60_000;
const hour = 60 * minute;

/** After the checkout: soon while webhooks may be late, rarely once they are lost, and never for ever. */
const looksAfter = [2 * minute, 5 * minute, 15 * minute, hour, 7 * hour, 13 * hour, 19 * hour, 25 * hour];
/** A stray intent cannot be paid, since nobody was shown its link; it is looked for until its call must have ended. */
const strayLooksAfter = [minute, 5 * minute, 15 * minute];

/**
 * When to ask Dojo about an open order again; null when it was asked often enough.
 * A look that would fall close to the expiry of the intent is moved behind it, so that it settles the order.
 */
export function nextLook(since: Date, looks: number, expireAt: Date | null): Date | null {
  const after = looksAfter[looks];
  if (after === undefined) return null;
  const at = since.getTime() + after;
  const isCloseToExpiry = expireAt !== null && Math.abs(at - expireAt.getTime()) < minute;
  return new Date(isCloseToExpiry ? expireAt.getTime() + minute : at);
}

/** When to look for the intent of an ambiguous attempt again; null when it does not exist after all. */
export function nextStrayLook(since: Date, looks: number): Date | null {
  const after = strayLooksAfter[looks];
  return after === undefined ? null : new Date(since.getTime() + after);
}
