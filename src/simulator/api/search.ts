import type { SearchRequest } from '../../dojo/schemas.ts';
import type { Settings } from '../settings.ts';
import type { PaymentIntent } from '../state/payment-intent.ts';
import type { Cursor } from '../state/sequence.ts';
import type { Problem } from './problem.ts';

/** Which intents a search asks for, its cursor aside. */
export function createSearchFilter(
  { statuses, startDate, endDate }: SearchRequest,
  { canceledInSearch }: Settings,
): (intent: PaymentIntent) => boolean {
  const startMs = startDate ? Date.parse(startDate) : Number.NEGATIVE_INFINITY;
  const endMs = endDate ? Date.parse(endDate) : Number.POSITIVE_INFINITY;
  return ({ status, createdAt }) =>
    (!statuses?.length || statuses.includes(status)) &&
    (status !== 'Canceled' || canceledInSearch === 'shown') &&
    createdAt.getTime() >= startMs &&
    createdAt.getTime() <= endMs;
}

/** A cursor goes one way (specification, `Cursor`). */
export function findCursorFault(cursor: Cursor): Problem | null {
  if (!cursor.before || !cursor.after) return null;
  return { status: 400, errors: { Cursor: ['Give either before or after, not both.'] } };
}

export const unknownCursor: Problem = {
  status: 400,
  errors: { Cursor: ['The cursor is none that a search has answered with.'] },
};
