import type { PaymentAttempt } from './order.ts';
import { isReserved, orderMoney, type PaidFacts, type PaymentMoney } from './order-money.ts';
import type { OrderStatus } from './order-status.ts';

type Evidence = PaymentMoney & {
  readonly total: number;
  readonly isReserved: boolean;
  readonly wasRefunded: boolean;
  readonly wasReversed: boolean;
  readonly last: PaymentAttempt | undefined;
};

const isAllBack = ({ kept, isReserved }: Evidence) => kept === 0 && !isReserved;

/** The first row that is true names the status. */
const statusTable: readonly (readonly [OrderStatus, (evidence: Evidence) => boolean])[] = Object.freeze([
  ['refunded', (evidence) => isAllBack(evidence) && evidence.wasRefunded],
  ['reversed', (evidence) => isAllBack(evidence) && evidence.wasReversed],
  ['partly_refunded', ({ kept, returned, total }) => returned > 0 && kept > 0 && kept < total],
  ['paid', ({ kept }) => kept > 0],
  ['authorized', ({ isReserved }) => isReserved],
  ['expired', ({ last }) => last?.facts.expired === true],
  ['canceled', ({ last }) => last?.facts.canceled === true],
  ['awaiting_payment', ({ last }) => last !== undefined],
  ['placed', () => true],
]);

/** An order's status is a pure function of what is known of its payments. */
export function deriveStatus(order: PaidFacts): OrderStatus {
  const { attempts, total } = order;
  const { received, returned, kept } = orderMoney(order);
  const evidence: Evidence = {
    received,
    returned,
    kept,
    total,
    isReserved: attempts.some(isReserved),
    wasRefunded: attempts.some(({ facts }) => facts.refunded || (facts.captured && facts.refundedAmount > 0)),
    wasReversed: attempts.some(({ facts }) => facts.reversed),
    last: attempts.findLast((attempt) => attempt.hasIntent),
  };
  for (const [status, isTrue] of statusTable) if (isTrue(evidence)) return status;
  throw new Error('The last row of the status table is always true.');
}
