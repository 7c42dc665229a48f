import type { FaultSubject, Faults } from '../active-faults.ts';
import { describeFault } from '../describe-fault.ts';
import { sentinels } from '../faults.ts';
import type { PaymentIntent } from '../state/payment-intent.ts';

/** What was arranged to go wrong with this very intent, a sentence each, so that no tester is puzzled. */
export function arrangedFaults(intent: PaymentIntent, faults: Faults): string[] {
  const subject: FaultSubject = { paymentIntentId: intent.id, amount: intent.request.amount.value };
  const bySentinel = sentinels
    .filter(({ amount }) => amount === subject.amount)
    .map(({ fault }) => `Its amount arranges that ${describeFault(fault)}.`);
  const byName = faults
    .list()
    .filter(({ paymentIntentId }) => paymentIntentId === subject.paymentIntentId)
    .map((fault) => `A fault that names it arranges that ${describeFault(fault)}.`);
  return [...bySentinel, ...byName];
}
