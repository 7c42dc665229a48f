import { apiFaultTable, type Fault, webhookFaultTable } from './faults.ts';

const delayed: readonly Fault['kind'][] = ['latency', 'drip', 'reorder', 'delay'];
const answered: readonly Fault['kind'][] = ['status', 'pascal-case-error'];

/** `create-refund, status 500, takes effect`: what sets it apart from others of its kind. */
export function listFaultDetails(fault: Fault): string {
  return [
    fault.operation,
    fault.paymentIntentId,
    answered.includes(fault.kind) ? `status ${fault.status}` : undefined,
    delayed.includes(fault.kind) ? `${fault.delayMs} ms` : undefined,
    fault.kind === 'rate-limit' ? `Retry-After ${fault.retryAfterSeconds} s` : undefined,
    ...listLimits(fault),
  ]
    .filter((detail) => detail !== undefined)
    .join(', ');
}

/** `the answer is 503, a problem (get-payment-intent)`: what happens, for whoever can not see the fault itself. */
export function describeFault(fault: Fault): string {
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
    ...listLimits(fault),
    fault.times === undefined ? undefined : `at most ${fault.times} times`,
  ].filter((limit) => limit !== undefined);
  return limits.length === 0 ? text : `${text} (${limits.join(', ')})`;
}

function listLimits({ chance, takesEffect }: Fault): (string | undefined)[] {
  const effect = takesEffect ? 'takes effect' : 'takes no effect';
  return [chance < 1 ? `chance ${chance}` : undefined, takesEffect === undefined ? undefined : effect];
}
