import {
  cardScheme,
  type DeclineReason,
  judgeCard,
  judgeSavedCard,
  lastDayOf,
  maskCardNumber,
} from '../state/cards.ts';
import type { Collected, PaymentAttempt, PaymentIntent } from '../state/payment-intent.ts';
import type { SimulatorState } from '../state/simulator-state.ts';
import { answerChallenge, challenge, collect, decline, pay, type Transition } from '../state/transitions.ts';
import type { PaymentMethod, ValidPaymentForm } from './payment-form.ts';

export type AttemptOutcome =
  | { readonly kind: 'paid'; readonly intent: PaymentIntent }
  | { readonly kind: 'declined'; readonly reason: DeclineReason }
  | { readonly kind: 'challenged'; readonly challengeId: string }
  /** The challenge was rejected, or another attempt came first. */
  | { readonly kind: 'unpaid' };

/** Asks the pretend bank, and takes the money or not. Stores the details that were typed, whatever the bank says. */
export function attemptPayment(
  state: SimulatorState,
  intentId: string,
  { form, formKey }: { form: ValidPaymentForm; formKey: string | null },
): AttemptOutcome {
  const { intents, ids, settings } = state;
  const { method, collected } = form;
  const attempt = createAttempt(state, method, formKey);
  const verdict = method.kind === 'card' ? judgeCard(method.card) : judgeSavedCard(method.card, attempt.at);
  const withDetails = collecting(collected, attempt.at);
  switch (verdict.kind) {
    case 'approved':
      return settle(
        state,
        intentId,
        withDetails((before) => pay(before, attempt, settings())),
      );
    case 'declined':
      intents.update(
        intentId,
        withDetails((before) => decline(before, attempt)),
      );
      return { kind: 'declined', reason: verdict.reason };
    case 'challenged': {
      const asked = { challengeId: ids.next('ch_'), settings: settings() };
      intents.update(
        intentId,
        withDetails((before) => challenge(before, attempt, asked)),
      );
      return { kind: 'challenged', challengeId: asked.challengeId };
    }
  }
}

export function settleChallenge(
  state: SimulatorState,
  intentId: string,
  answer: { challengeId: string; approved: boolean },
): AttemptOutcome {
  const { clock, settings } = state;
  return settle(state, intentId, (before) =>
    answerChallenge(before, { ...answer, now: clock.now() }, settings()),
  );
}

/** Also saves the card for the customer, if the shopper asked for it. */
function settle(
  { intents, customers }: SimulatorState,
  intentId: string,
  transition: (intent: PaymentIntent) => Transition,
): AttemptOutcome {
  const outcome = intents.update(intentId, transition);
  if (outcome.kind !== 'done' || outcome.intent.payment === null) return { kind: 'unpaid' };
  const { payment, request } = outcome.intent;
  if (payment.savesCard && request.customer?.id) customers.saveCard(request.customer.id, payment.card);
  return { kind: 'paid', intent: outcome.intent };
}

function createAttempt(
  { ids, clock }: SimulatorState,
  method: PaymentMethod,
  formKey: string | null,
): PaymentAttempt {
  const isSaved = method.kind === 'saved-card';
  return {
    transactionId: ids.uuid(),
    at: clock.now(),
    authCode: ids.authCode(),
    formKey,
    paymentMethodId: isSaved ? method.card.id : null,
    savesCard: !isSaved && method.isToBeSaved,
    card: cardOf(method),
  };
}

function cardOf(method: PaymentMethod): PaymentAttempt['card'] {
  if (method.kind === 'saved-card') {
    const { maskedNumber, expiryDate, scheme, name } = method.card;
    return { maskedNumber, expiryDate, scheme, name };
  }
  const { number, expiry, name } = method.card;
  return {
    maskedNumber: maskCardNumber(number),
    expiryDate: lastDayOf(expiry),
    scheme: cardScheme(number),
    name,
  };
}

/** Makes a transition store the collected details in the same step. */
function collecting(collected: Collected, now: Date) {
  const isEmpty = Object.values(collected).every((detail) => detail === null);
  return (transition: (intent: PaymentIntent) => Transition) =>
    (intent: PaymentIntent): Transition => {
      const kept = isEmpty ? null : collect(intent, collected, now);
      return transition(kept?.kind === 'done' ? kept.intent : intent);
    };
}
