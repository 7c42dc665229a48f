import type { Context } from '../context.ts';
import { DojoError } from '../dojo/errors.ts';
import type { PaymentIntent, PaymentIntentPage, SearchRequest } from '../dojo/schemas.ts';
import { plus } from '../shop/schedule.ts';

export type SearchedPage = {
  readonly rows: readonly PaymentIntent[];
  /** When the call began: what the rows say was true then or later. */
  readonly askedAt: Date;
};

/** The most that Dojo puts into a page, and the least that is worth a call. */
const mostRows = 100;
const leastRows = 5;

/** Every page of a search, one call each; smaller ones once a page is too large to be read. Ends if Dojo repeats a cursor. */
export async function* searchPages(
  context: Context,
  search: Pick<SearchRequest, 'statuses' | 'startDate' | 'endDate'>,
): AsyncGenerator<SearchedPage, void, void> {
  let after: string | null = null;
  let limit = mostRows;
  for (;;) {
    const askedAt = context.now();
    const cursor: SearchRequest['cursor'] = { limit, ...(after !== null && { after }) };
    const page: PaymentIntentPage | null = await findPage(context, { ...search, cursor });
    if (page === null) {
      limit = Math.floor(limit / 4);
      continue;
    }
    yield { rows: page.data, askedAt };
    if (page.after == null || page.after === after) return;
    after = page.after;
  }
}

/** Null if the page was unreadable, as one that is too large is, and a smaller one may be read. */
async function findPage(context: Context, search: SearchRequest): Promise<PaymentIntentPage | null> {
  try {
    return await context.dojo.searchPaymentIntents(search);
  } catch (error) {
    const isSmall = (search.cursor?.limit ?? 0) / 4 < leastRows;
    if (!(error instanceof DojoError) || error.kind !== 'malformed' || isSmall) throw error;
    return null;
  }
}

/**
 * The period in which Dojo created the intents of attempts that began in a period, by Dojo's clock. Which date Dojo compares
 * is not documented: an intent outside of a search proves nothing.
 */
export function creationWindow(
  context: Context,
  from: Date,
  to: Date,
): { readonly startDate: string; readonly endDate: string } {
  const skewMs = context.dojo.clockSkewMs() ?? 0;
  return {
    startDate: plus(from, skewMs - slackMs).toISOString(),
    endDate: plus(to, skewMs + slackMs).toISOString(),
  };
}

/** Dojo's clock is known to the second, and few calls that create an intent take longer. */
export const slackMs = 5_000;

/** Dojo answered, but not with a page that can be used: a search without it is still possible. */
export function isUnusable(error: unknown): error is DojoError {
  return error instanceof DojoError && !endsRun.has(error.kind);
}

/** These mean that Dojo cannot be asked about anything; the others concern one order or one search. */
export const endsRun: ReadonlySet<DojoError['kind']> = new Set([
  'unreachable',
  'paused',
  'unauthorized',
  'forbidden',
  'rate-limited',
]);
