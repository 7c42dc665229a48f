/** A flag for a person. It stands until a decision settles it; a held order is never fulfilled, and no hold moves money. */
export const holds = [
  'amount_mismatch',
  'captured_after_cancel',
  'late_payment',
  'paid_twice',
  'paid_again_by_shopper',
  'refunded_before_fulfilment',
] as const;
export type Hold = (typeof holds)[number];

/** What raises each hold, as text that changes when a new fact raises it again. */
export type RaisedHolds = Readonly<Partial<Record<Hold, string>>>;

/**
 * - `accept`: the goods go out
 * - `refund`: a payment, or all, goes back; settled only once Dojo shows it gone
 * - `dismiss`: settled, and the goods never go out
 */
export const decisionActions = ['accept', 'refund', 'dismiss'] as const;
export type DecisionAction = (typeof decisionActions)[number];

/** What a person decided about an order's holds. */
export type Decision = {
  readonly number: number;
  readonly action: DecisionAction;
  /** The payment to refund; null for all. */
  readonly payment: number | null;
  /** The holds that the person was shown, with what had raised them. */
  readonly settles: RaisedHolds;
  readonly decidedBy: string;
  readonly reason: string;
  readonly decidedAt: Date;
};
