import type { OrderFacts } from './order.ts';
import { isUnpaid } from './order.ts';

/**
 * A shopper's new order takes the place of an earlier one that is unpaid: the reconciler cancels that one's intent, and its
 * link is handed out no more. Both keep the id of the chain's first order. Null if the earlier order stays as it is.
 */
export function supersede(earlier: OrderFacts, newer: { readonly id: number }, now: Date): OrderFacts | null {
  if (!isUnpaid(earlier) || earlier.supersededBy !== null) return null;
  return { ...earlier, supersededBy: newer.id, chainId: earlier.chainId ?? earlier.id, nextCheckAt: now };
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
