import type { Response } from 'express';
import type { Parts } from '../parts.ts';
import { isPayable, type PaymentIntent } from '../state/payment-intent.ts';
import { arrangedFaults } from './arranged-faults.ts';
import { payPage, type ShownForm } from './checkout-page.ts';
import { noticePage } from './notice-page.ts';
import { sendPage } from './page-response.ts';
import { returnAddress } from './return-address.ts';
import { findSavedCardOffer, paymentMethodNotes } from './saved-card-offer.ts';

/** What the payment page answers with. */
export type Answers = {
  /** The form while there is something to pay, and else why there is not. */
  show(response: Response, intent: PaymentIntent): void;
  /** The form again: 400 for faults in it, 402 for a card that was declined. */
  showForm(
    response: Response,
    intent: PaymentIntent,
    shown: Partial<Pick<ShownForm, 'typed' | 'faults' | 'decline'>> & { status?: 200 | 400 | 402 },
  ): void;
  /** To who sends a form about an intent that takes no money. */
  refuse(response: Response, intent: PaymentIntent): void;
  /** Back to the shop, or where it named no address to the simulator's own success page. */
  toShop(response: Response, intent: PaymentIntent): void;
};

export function createAnswers(parts: Parts): Answers {
  const { settings, faults, ids, clock } = parts;

  function showForm(...[response, intent, shown]: Parameters<Answers['showForm']>): void {
    const { typed = {}, faults: mistakes = [], decline = null, status = 200 } = shown;
    const page = payPage(intent, {
      typed,
      faults: mistakes,
      decline,
      formKey: ids.next('form_'),
      offer: findSavedCardOffer(parts, intent),
      notes: [...arrangedFaults(intent, faults), ...paymentMethodNotes(parts, intent)],
      now: clock.now(),
    });
    sendPage(response, {
      name: 'pay',
      status,
      page,
      formTargets: [intent.request.config?.redirectUrl],
    });
  }

  function sendNotice(response: Response, intent: PaymentIntent, why: 'shown' | 'refused'): void {
    const { status, page } = noticePage(intent, why, settings());
    const notes = arrangedFaults(intent, faults);
    sendPage(response, { name: 'notice', status, page: { ...page, notes } });
  }

  return {
    show(response, intent) {
      const last = intent.events.at(-1);
      if (!isPayable(intent)) sendNotice(response, intent, 'shown');
      else if (last?.type !== 'Declined') showForm(response, intent, {});
      else {
        const typed = { nameOnCard: last.attempt.card.name };
        showForm(response, intent, { typed, decline: 'earlier' });
      }
    },
    showForm,
    refuse: (response, intent) => sendNotice(response, intent, 'refused'),
    toShop(response, intent) {
      response.redirect(303, returnAddress(intent, settings()) ?? `/checkout/${intent.id}`);
    },
  };
}
