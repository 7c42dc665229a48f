import type { Settings } from '../settings.ts';
import type { RefusalReason } from '../state/transitions.ts';
import type { Problem } from './problem.ts';

/** `state` where the specification leaves open how a status that does not fit is told. */
type Refusal = { readonly status: 400 | 405 | 409; readonly isAboutState: boolean; readonly detail: string };

const refusals = {
  'not-payable': { status: 400, isAboutState: true, detail: 'The payment intent can no longer be paid.' },
  'unknown-challenge': {
    status: 400,
    isAboutState: true,
    detail: 'The attempt is unknown or already settled.',
  },
  'not-cancelable': {
    status: 400,
    isAboutState: true,
    detail: 'Only a payment intent in status Created can be canceled.',
  },
  'canceled-already': { status: 400, isAboutState: false, detail: 'The payment intent is canceled already.' },
  'not-changeable': {
    status: 400,
    isAboutState: true,
    detail: 'Only an unpaid payment intent can be changed.',
  },
  'amount-is-fixed': {
    status: 405,
    isAboutState: false,
    detail: 'The payment intent was created without config.payment.customAmountAllowed.',
  },
  'tips-not-allowed': {
    status: 405,
    isAboutState: false,
    detail: 'The payment intent was created without config.payment.tipsAllowed.',
  },
  'other-currency': {
    status: 400,
    isAboutState: false,
    detail: 'The currency of a payment intent can not be changed.',
  },
  'not-capturable': {
    status: 409,
    isAboutState: true,
    detail: 'Only an authorized Manual payment intent can be captured.',
  },
  'not-refundable': {
    status: 400,
    isAboutState: true,
    detail: 'Only a captured payment intent can be refunded.',
  },
  'not-reversible': {
    status: 409,
    isAboutState: true,
    detail: 'The payment intent can not be reversed in its status or any more.',
  },
  'too-old': { status: 400, isAboutState: false, detail: 'The payment is too old to be refunded.' },
  'amount-too-large': { status: 400, isAboutState: false, detail: 'The amount is more than what is left.' },
  'idempotency-key-used': { status: 400, isAboutState: false, detail: 'The idempotencyKey was used before.' },
  'idempotency-key-reused': {
    status: 400,
    isAboutState: false,
    detail: 'The idempotencyKey was used for another refund.',
  },
} as const satisfies Record<RefusalReason, Refusal>;

export function describeRefusal(reason: RefusalReason, settings: Settings): Problem {
  const { status, isAboutState, detail } = refusals[reason];
  if (reason === 'canceled-already') return { status: Number(settings.canceledAgain), detail };
  const isFixed = settings.invalidState === 'mixed' || !isAboutState;
  return { status: isFixed ? status : Number(settings.invalidState), detail };
}
