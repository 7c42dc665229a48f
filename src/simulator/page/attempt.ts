import type { Parts } from '../parts.ts';
import { cardScheme, lastDayOf, maskCardNumber } from '../state/cards.ts';
import type { Attempt, Collected, PaymentIntent } from '../state/payment-intent.ts';
import { collect, type Transition } from '../state/transitions.ts';
import type { ValidPaymentForm } from './payment-form.ts';

type Method = ValidPaymentForm['method'];

export type AttemptMaker = {
  /** A try with this card, for the bank to judge. */
  make(method: Method, formKey: string | null): Attempt;
  /** Keeps the card that has paid for the customer, where the shopper wanted it. */
  saveCard(intent: PaymentIntent): void;
};

export function createAttemptMaker({ ids, clock, customers }: Parts): AttemptMaker {
  return {
    make(method, formKey) {
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
    },
    saveCard({ payment, request }) {
      if (payment?.savesCard && request.customer?.id) customers.saveCard(request.customer.id, payment.card);
    },
  };
}

function cardOf(method: Method): Attempt['card'] {
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

/** Makes any transition keep what was typed beside the card in the same step. */
export function keepingDetails(collected: Collected, now: Date) {
  const isEmpty = Object.values(collected).every((detail) => detail === null);
  return (transition: (intent: PaymentIntent) => Transition) =>
    (intent: PaymentIntent): Transition => {
      const kept = isEmpty ? null : collect(intent, collected, now);
      return transition(kept?.kind === 'done' ? kept.intent : intent);
    };
}
