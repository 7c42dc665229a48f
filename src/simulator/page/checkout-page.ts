import { formatMoney } from '../money.ts';
import { type DeclineReason, formatExpiry, isPastDay } from '../state/cards.ts';
import type { Attempt, PaymentIntent } from '../state/payment-intent.ts';
import { cardFields } from './card-form.ts';
import { likelyCountries, otherCountries } from './countries.ts';
import {
  addressFields,
  deliveryNotesField,
  emailField,
  prefillDetails,
  sameAddressId,
  shippingNameField,
  wantedDetails,
} from './details-form.ts';
import type { FormFault, FormField, Typed } from './form-field.ts';
import { presentOrder } from './order-summary.ts';
import { pageTitle } from './page-title.ts';
import { methodField, otherCard, type SavedCardOffer, saveCardField, totalField } from './payment-form.ts';
import { cancelAddress } from './return-address.ts';

/** Why the shopper is back at the form; `earlier` where the page was opened anew since. */
export type ShownDecline = DeclineReason | 'earlier';

const declineTexts = {
  refused: {
    heading: 'Your card was declined',
    text: 'Nothing was taken. You can try again with another card.',
  },
  'wrong-details': {
    heading: 'Your card was declined',
    text: 'Nothing was taken. The expiry date or the security code is not the one of this test card.',
  },
  'not-a-test-card': {
    heading: 'Your card was declined',
    text: 'Nothing was taken. The simulator knows its test cards only: use one of those listed on this page.',
  },
  expired: {
    heading: 'Your saved card has expired',
    text: 'Nothing was taken. You can pay with another card.',
  },
  earlier: {
    heading: 'Your last attempt was declined',
    text: 'Nothing was taken. You can try again with the same card or another one.',
  },
} satisfies Record<ShownDecline, { heading: string; text: string }>;

export type ShownForm = {
  readonly typed: Typed;
  readonly faults: readonly FormFault[];
  readonly decline: ShownDecline | null;
  readonly formKey: string;
  readonly offer: SavedCardOffer;
  /** What a tester has to know about this intent, a sentence each. */
  readonly notes: readonly string[];
  readonly now: Date;
};

/** The form to pay with. Never given the security code, so that it can not come back. */
export function payPage(intent: PaymentIntent, shown: ShownForm) {
  const { config, actionLink } = intent.request;
  const order = presentOrder(intent);
  const action = order.total === null ? 'Pay' : `Pay ${order.total}`;
  const prefix = shown.faults.length > 0 ? 'Error: ' : shown.decline !== null ? 'Declined: ' : '';
  const typed = { ...prefillDetails(intent), ...shown.typed };
  return {
    title: pageTitle(`${prefix}${action}`),
    heading: config?.title || 'Your payment',
    notes: shown.notes,
    order,
    actionLink: actionLink && {
      label: actionLink.label,
      url: actionLink.url,
      fileName: actionLink.action === 'DownloadFile' ? (actionLink.fileName ?? '') : null,
    },
    payLabel: action,
    action: `/checkout/${intent.id}`,
    formKey: shown.formKey,
    shownTotal: { name: totalField, value: formatMoney(intent.total) },
    cancelUrl: cancelAddress(intent),
    faults: shown.faults,
    decline: shown.decline && declineTexts[shown.decline],
    details: presentDetails(intent, typed, shown.faults),
    payment: presentPayment(typed, shown),
  };
}

function presentDetails(intent: PaymentIntent, typed: Typed, faults: readonly FormFault[]) {
  const wanted = wantedDetails(intent);
  const present = (fields: readonly FormField[]) => fields.map((field) => presentField(field, typed, faults));
  return {
    email: wanted.email ? presentField(emailField, typed, faults) : null,
    shipping: wanted.shipping
      ? present([shippingNameField, ...addressFields('shipping'), deliveryNotesField])
      : null,
    billing: wanted.billing ? present(addressFields('billing')) : null,
    sameAddress: wanted.shipping && wanted.billing ? checkbox(sameAddressId, typed) : null,
  };
}

function presentPayment(typed: Typed, { offer, faults, now }: ShownForm) {
  const savedCards = offer?.savedCards ?? [];
  const wanted = typed[methodField] ?? offer?.preselectedId;
  const chosen = savedCards.find(({ id }) => id === wanted)?.id ?? otherCard;
  return {
    savedCards: savedCards.map((card, index) => ({
      id: `savedCard${index + 1}`,
      value: card.id,
      scheme: card.scheme,
      lastDigits: card.maskedNumber.slice(-4),
      expiry: formatExpiry({
        month: Number(card.expiryDate.slice(5, 7)),
        year: Number(card.expiryDate.slice(0, 4)),
      }),
      isExpired: isPastDay(card.expiryDate, now),
      isChosen: card.id === chosen,
    })),
    method: { name: methodField, other: otherCard },
    isOtherChosen: chosen === otherCard,
    saveCard: offer === null ? null : checkbox(saveCardField, typed),
    fields: cardFields.map((field) => presentField(field, typed, faults)),
  };
}

function checkbox(id: string, typed: Typed) {
  return { id, isChecked: typed[id] === 'on' };
}

function presentField(field: FormField, typed: Typed, faults: readonly FormFault[]) {
  const fault = faults.find((entry) => entry.field === field.id)?.message ?? null;
  const describedBy = [fault && `${field.id}-fault`, field.hint && `${field.id}-hint`].filter(Boolean);
  return {
    ...field,
    hint: field.hint ?? null,
    control: field.control ?? 'text',
    type: field.type ?? 'text',
    inputmode: field.inputmode ?? null,
    isOptional: field.isOptional ?? false,
    value: typed[field.id] ?? '',
    fault,
    describedBy: describedBy.join(' '),
    countries: field.control === 'country' ? { likely: likelyCountries, others: otherCountries } : null,
  };
}

export function challengePage(intent: PaymentIntent, challengeId: string, attempt: Attempt) {
  return {
    title: pageTitle('Confirm it is you'),
    total: formatMoney(intent.total),
    lastDigits: attempt.card.maskedNumber.slice(-4),
    action: `/checkout/${intent.id}/challenge/${challengeId}`,
  };
}
