import {
  apiFaultTable,
  type Fault,
  type FaultSubject,
  type Faults,
  sentinels,
  webhookFaultTable,
} from '../faults.ts';
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

/** `the answer is 503, a problem (get-payment-intent)` */
function describeFault(fault: Fault): string {
  const values: Record<string, string> = {
    delayMs: `${fault.delayMs} ms`,
    status: String(fault.status),
    retryAfterSeconds: String(fault.retryAfterSeconds),
  };
  const text = { ...apiFaultTable, ...webhookFaultTable }[fault.kind]
    .replaceAll('`', '')
    .replace(/\b(?:delayMs|status|retryAfterSeconds)\b/g, (name) => values[name] ?? name);
  const limits = [
    fault.operation,
    fault.chance < 1 ? `chance ${fault.chance}` : undefined,
    fault.times === undefined ? undefined : `at most ${fault.times} times`,
  ].filter((limit) => limit !== undefined);
  return limits.length === 0 ? text : `${text} (${limits.join(', ')})`;
}
