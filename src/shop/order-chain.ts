import type { OrderFacts } from './order.ts';
import { isUnpaid } from './order.ts';
import type { OrderChange } from './order-events.ts';

/**
 * A shopper's new order takes the place of the earlier ones that are unpaid: the reconciler cancels their intents, and their
 * links are handed out no more. All of them keep the id of the chain's first order; null if there is no chain.
 * Earlier orders that are not superseded now join it too: one that another superseded can be paid until Dojo has cancelled
 * it, and one that has money was paid after the shopper's page was made, or its goods would have left the basket.
 */
export function supersede(
  earlier: readonly OrderFacts[],
  newer: { readonly id: number },
  now: Date,
): { readonly changes: readonly OrderChange[]; readonly chainId: number | null } {
  const isOpen = (order: OrderFacts) => isUnpaid(order) && order.supersededBy === null;
  const joined = earlier.filter(
    (order) => isOpen(order) || kept(order) > 0 || (order.chainId !== null && order.received === 0),
  );
  if (joined.length === 0) return { changes: [], chainId: null };
  const chainId = Math.min(...joined.map((order) => order.chainId ?? order.id));
  const changes = joined.map((before) => ({
    before,
    after: {
      ...before,
      chainId: before.chainId ?? chainId,
      ...(isOpen(before) && { supersededBy: newer.id, nextCheckAt: now }),
    },
  }));
  return { changes, chainId };
}

/** True if a change brings money to an order that kept none, so that others of its chain matter. */
export function isFirstMoney({ before, after }: { before: OrderFacts; after: OrderFacts }): boolean {
  return after.chainId !== null && after.paidAgainWith === null && kept(before) === 0 && kept(after) > 0;
}

/** The order of a chain that keeps money beside this one; null if none does. */
export function findPaidBeside(order: OrderFacts, chain: readonly OrderFacts[]): OrderFacts | null {
  return chain.find((other) => other.id !== order.id && kept(other) > 0) ?? null;
}

function kept({ received, returned }: OrderFacts): number {
  return received - returned;
}
