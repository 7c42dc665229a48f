import type { Decision, Hold, RaisedHolds } from './decision.ts';
import { standingHolds } from './holds.ts';
import type { OrderFacts } from './order.ts';
import { derive } from './order-events.ts';

export type NewDecision = Omit<Decision, 'number'>;

/**
 * Records a decision about holds as a person was shown them. `after` is null, and nothing is decided, if one of them no
 * longer stands or was raised again since. A refund settles once Dojo shows the money gone, so it settles nothing yet.
 */
export function applyDecision(
  order: OrderFacts,
  decision: NewDecision,
): { readonly after: OrderFacts | null; readonly settled: readonly Hold[]; readonly standing: RaisedHolds } {
  const standing = standingHolds(order);
  const named = Object.keys(decision.settles) as Hold[];
  const isShown = named.length > 0 && named.every((hold) => standing[hold] === decision.settles[hold]);
  if (!isShown) return { after: null, settled: [], standing };
  const decisions = [...order.decisions, { ...decision, number: order.decisions.length + 1 }];
  const after = derive({ ...order, decisions }, decision.decidedAt);
  return { after, settled: named.filter((hold) => !after.holds.includes(hold)), standing };
}
