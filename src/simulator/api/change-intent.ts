import type { Request, Response } from 'express';
import { paymentIntentIdSchema } from '../../dojo/schemas.ts';
import type { Parts } from '../parts.ts';
import type { PaymentIntent } from '../state/payment-intent.ts';
import type { Transition } from '../state/transitions.ts';
import { sendProblem } from './problem.ts';
import { describeRefusal } from './refusals.ts';

export type IntentRequest = Request<{ id: string }>;

/**
 * Applies a transition to the intent in the path; null where it was refused, and then the problem is sent.
 * `unknownStatus` is the answer about an intent that does not exist; what a setting says where it is missing.
 */
export function changeIntent(
  parts: Parts,
  call: { request: IntentRequest; response: Response; unknownStatus?: 404 },
  transition: (intent: PaymentIntent) => Transition,
): PaymentIntent | null {
  const { request, response } = call;
  if (!isIntentId(request.params.id)) {
    sendBadId(response);
    return null;
  }
  const outcome = parts.intents.update(request.params.id, transition);
  if (outcome.kind === 'done') return outcome.intent;
  if (outcome.kind === 'unknown') {
    sendUnknownIntent(response, call.unknownStatus ?? Number(parts.settings().unknownIntent));
  } else {
    sendProblem(response, describeRefusal(outcome.reason, parts.settings()));
  }
  return null;
}

export function isIntentId(id: string): boolean {
  return paymentIntentIdSchema.safeParse(id).success;
}

export function sendBadId(response: Response): void {
  sendProblem(response, { status: 400, errors: { PaymentIntentId: ['The id is not of the form pi_….'] } });
}

export function sendUnknownIntent(response: Response, status: number): void {
  sendProblem(response, { status, detail: 'There is no such payment intent.' });
}
