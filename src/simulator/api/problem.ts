import type { Response } from 'express';
import type { Settings } from '../settings.ts';
import type { RefusalReason } from '../state/transitions.ts';

/** By field, as Dojo names fields: `Amount.CurrencyCode`. */
export type FieldErrors = Readonly<Record<string, readonly string[]>>;

/** A refusal. Routes throw it; app.ts turns it into the response. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly detail: string | undefined;
  readonly errors: FieldErrors | undefined;

  constructor(status: number, reason?: string | FieldErrors) {
    const errors = typeof reason === 'object' ? reason : undefined;
    const detail = typeof reason === 'string' ? reason : undefined;
    super(detail ?? describeErrors(errors) ?? (kinds[status] ?? unexpected).title);
    this.status = status;
    this.detail = detail;
    this.errors = errors;
  }
}

const kinds: Readonly<Record<number, { type: string; title: string }>> = {
  400: { type: 'https://tools.ietf.org/html/rfc7231#section-6.5.1', title: 'Bad Request' },
  401: { type: 'https://tools.ietf.org/html/rfc7235#section-3.1', title: 'Unauthorized' },
  403: { type: 'https://tools.ietf.org/html/rfc7231#section-6.5.3', title: 'Forbidden' },
  404: { type: 'https://tools.ietf.org/html/rfc7231#section-6.5.4', title: 'Not Found' },
  405: { type: 'https://tools.ietf.org/html/rfc7231#section-6.5.5', title: 'Method Not Allowed' },
  409: { type: 'https://tools.ietf.org/html/rfc7231#section-6.5.8', title: 'Conflict' },
  413: { type: 'https://tools.ietf.org/html/rfc7231#section-6.5.11', title: 'Payload Too Large' },
  429: { type: 'https://tools.ietf.org/html/rfc6585#section-4', title: 'Too Many Requests' },
};
const unexpected = {
  type: 'https://tools.ietf.org/html/rfc7231#section-6.6.1',
  title: 'An error occurred while processing your request.',
};

/** RFC 7807 as Dojo writes it. Leaves the message in `res.locals.problem` for the call log. */
export function sendProblem(res: Response, problem: Problem): void {
  const { status, detail, errors } = problem;
  const { type, title } = kinds[status] ?? unexpected;
  res.locals.problem = problem.message;
  res.status(status).type('application/problem+json');
  res.send(
    JSON.stringify({
      type,
      title: errors === undefined ? title : 'One or more validation errors occurred.',
      status,
      detail,
      traceId: res.locals.traceId,
      errors,
    }),
  );
}

function describeErrors(errors: FieldErrors | undefined): string | undefined {
  return (
    errors &&
    Object.entries(errors)
      .map(([field, messages]) => `${field}: ${messages.join(' ')}`)
      .join(' ')
  );
}

/** The specification leaves the status code open for refusals that are about the intent's status. */
type Refusal = readonly [code: 400 | 405 | 409, about: 'status' | 'request', detail: string];

const refusals = Object.freeze({
  'not-payable': [400, 'status', 'The payment intent can no longer be paid.'],
  'unknown-challenge': [400, 'status', 'The attempt is unknown or already settled.'],
  'not-cancelable': [400, 'status', 'Only a payment intent in status Created can be canceled.'],
  'canceled-already': [400, 'request', 'The payment intent is canceled already.'],
  'not-changeable': [400, 'status', 'Only an unpaid payment intent can be changed.'],
  'amount-is-fixed': [405, 'request', 'The payment intent does not have config.payment.customAmountAllowed.'],
  'tips-not-allowed': [405, 'request', 'The payment intent does not have config.payment.tipsAllowed.'],
  'other-currency': [400, 'request', 'The currency of a payment intent cannot be changed.'],
  'not-capturable': [409, 'status', 'Only an authorized Manual payment intent can be captured.'],
  'not-refundable': [400, 'status', 'Only a captured payment intent can be refunded.'],
  'not-reversible': [409, 'status', 'The payment intent cannot be reversed in its status, or no longer.'],
  'too-old': [400, 'request', 'The payment is too old to be refunded.'],
  'amount-too-large': [400, 'request', 'The amount is more than what is left.'],
  'idempotency-key-used': [400, 'request', 'The idempotencyKey was used before.'],
  'idempotency-key-reused': [400, 'request', 'The idempotencyKey was used for another refund.'],
} as const satisfies Record<RefusalReason, Refusal>);

export function refusalProblem(reason: RefusalReason, settings: Settings): Problem {
  const [code, about, detail] = refusals[reason];
  if (reason === 'canceled-already') return new Problem(Number(settings.canceledAgain), detail);
  const isFixed = settings.invalidState === 'mixed' || about === 'request';
  return new Problem(isFixed ? code : Number(settings.invalidState), detail);
}
