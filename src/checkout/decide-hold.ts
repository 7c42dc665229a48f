import type { Context } from '../context.ts';
import { logEvent } from '../log.ts';
import type { DecisionAction, Hold, RaisedHolds } from '../shop/decision.ts';
import type { Order } from '../shop/order.ts';
import { type UndonePayment, undoOrder } from './refund-order.ts';

/**
 * - `decided`: recorded; `settled` names the holds that stand no more. A refund settles once Dojo shows the money gone
 * - `stale`: a hold that was named does not stand, or was raised again since; nothing was decided
 */
export type DecidedHold =
  | {
      readonly kind: 'decided';
      readonly order: Order;
      readonly settled: readonly Hold[];
      /** What a refund did, payment by payment. */
      readonly payments: readonly UndonePayment[];
    }
  | { readonly kind: 'stale'; readonly standing: RaisedHolds };

export type HoldDecision = {
  readonly action: DecisionAction;
  /** The holds that the person was shown and settles, with what raised them (`standingHolds`). */
  readonly settles: RaisedHolds;
  /** The payment to refund; null for all. */
  readonly payment: number | null;
  readonly decidedBy: string;
  readonly reason: string;
};

/**
 * Settles holds as a person decided. The decision is stored first, then a refund is asked for; after a `DojoError` the
 * reconciler finishes that refund. `id` names the refund.
 */
export async function decideHold(
  context: Context,
  order: Order,
  { id, ...decision }: HoldDecision & { readonly id: string },
): Promise<DecidedHold> {
  const decided = await context.store.decide(order.id, { ...decision, decidedAt: context.now() });
  if (decided.kind === 'stale') return decided;
  const { action, payment, reason } = decision;
  const named = Object.keys(decision.settles) as Hold[];
  logEvent(context.log, 'holdDecided', { orderReference: order.reference, decision: action, holds: named });
  if (action !== 'refund') return { ...decided, payments: [] };
  const undone = await undoOrder(context, decided.order, { id, payment, reason });
  const settled = named.filter((hold) => !undone.order.holds.includes(hold));
  return { kind: 'decided', settled, ...undone };
}
