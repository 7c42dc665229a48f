import type { SearchRequest } from '../../dojo/schemas.ts';
import type { PaymentIntent } from '../state/payment-intent.ts';

export type SearchPage = { data: PaymentIntent[]; before: string | null; after: string | null };

/**
 * One page of a list that is newest first. `after` goes on to older intents, `before` back to newer ones; the id that is
 * named is left out. Both are null where nothing lies in that direction.
 */
export function searchPaymentIntents(
  newestFirst: readonly PaymentIntent[],
  search: SearchRequest,
): SearchPage {
  const startDate = search.startDate ? new Date(search.startDate) : null;
  const endDate = search.endDate ? new Date(search.endDate) : null;
  const { limit = 50, before, after } = search.cursor ?? {};
  const matches = newestFirst.filter(
    (intent) =>
      (!search.statuses?.length || search.statuses.includes(intent.status)) &&
      (startDate === null || intent.createdAt >= startDate) &&
      (endDate === null || intent.createdAt <= endDate),
  );
  const indexOf = (id: string) => matches.findIndex((intent) => intent.id === id);
  const start = after ? indexOf(after) + 1 : before ? Math.max(0, indexOf(before) - limit) : 0;
  const end = before ? Math.max(0, indexOf(before)) : start + limit;
  const data = matches.slice(start, end);
  return {
    data,
    before: start > 0 ? (data.at(0)?.id ?? null) : null,
    after: end < matches.length ? (data.at(-1)?.id ?? null) : null,
  };
}
