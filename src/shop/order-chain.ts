import type { OrderFacts } from './order.ts';
import { isUnpaid } from './order.ts';
import type { OrderChange } from './order-events.ts';

/**
 * A shopper's new order takes the place of the earlier ones that are unpaid: the reconciler cancels their intents, and their
 * links are handed out no more. All of them keep the id of the chain's first order; null if there is no chain.
 * An earlier order that another one superseded can be paid until Dojo has cancelled it, so the new one joins its chain too.
 */
export function supersede(
  earlier: readonly OrderFacts[],
  newer: { readonly id: number },
  now: Date,
): { readonly changes: readonly OrderChange[]; readonly chainId: number | null } {
  const superseded = earlier.filter((order) => isUnpaid(order) && order.supersededBy === null);
  const chained = earlier.filter((order) => order.chainId !== null && order.received === 0);
  const chains = [...superseded, ...chained].map(({ id, chainId }) => chainId ?? id);
  if (chains.length === 0) return { changes: [], chainId: null };
  const chainId = Math.min(...chains);
  const changes = superseded.map((before) => ({
    before,
    after: { ...before, supersededBy: newer.id, chainId: before.chainId ?? chainId, nextCheckAt: now },
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
