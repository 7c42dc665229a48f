import { formatMoney } from '../pages.ts';
import { type DeclineReason, formatExpiry, isPastDay } from '../state/cards.ts';
import type { PaymentAttempt, PaymentIntent } from '../state/payment-intent.ts';
import {
  addressFields,
  deliveryNotesField,
  emailField,
  type FormError,
  type FormField,
  likelyCountries,
  otherCountries,
  prefillDetails,
  sameAddressId,
  shippingNameField,
  type Typed,
  wantedDetails,
} from './details-form.ts';
import { cancelAddress } from './notice-page.ts';
import {
  cardFields,
  methodField,
  otherCard,
  type SavedCardOffer,
  saveCardField,
  totalField,
} from './payment-form.ts';

/** Why the shopper is back at the form; `earlier` if the page was reopened since. */
export type ShownDecline = DeclineReason | 'earlier';

const declineTexts = {
  refused: {
    heading: 'Your card was declined',
    text: 'Nothing was taken. You can try again with another card.',
  },
  'wrong-details': {
    heading: 'Your card was declined',
    text: 'Nothing was taken. The expiry date or the security code does not match this test card.',
  },
  'not-a-test-card': {
    heading: 'Your card was declined',
    text: 'Nothing was taken. The simulator accepts test cards only: use one of those on this page.',
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
  readonly errors: readonly FormError[];
  readonly decline: ShownDecline | null;
  readonly formKey: string;
  readonly offer: SavedCardOffer;
  /** What a tester must know about this intent, one sentence each. */
  readonly notes: readonly string[];
  readonly now: Date;
};

/** The payment form. It never gets the security code, so it cannot repeat it. */
export function payPage(intent: PaymentIntent, shown: ShownForm) {
  const { config, actionLink } = intent.request;
  const order = presentOrder(intent);
  const action = order.total === null ? 'Pay' : `Pay ${order.total}`;
  const prefix = shown.errors.length > 0 ? 'Error: ' : shown.decline !== null ? 'Declined: ' : '';
  const typed = { ...prefillDetails(intent), ...shown.typed };
  return {
    title: `${prefix}${action}`,
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
    errors: shown.errors,
    decline: shown.decline && declineTexts[shown.decline],
    details: presentDetails(intent, typed, shown.errors),
    payment: presentPayment(typed, shown),
  };
}

function presentDetails(intent: PaymentIntent, typed: Typed, errors: readonly FormError[]) {
  const wanted = wantedDetails(intent);
  const present = (fields: readonly FormField[]) => fields.map((field) => presentField(field, typed, errors));
  return {
    email: wanted.email ? presentField(emailField, typed, errors) : null,
    shipping: wanted.shipping
      ? present([shippingNameField, ...addressFields('shipping'), deliveryNotesField])
      : null,
    billing: wanted.billing ? present(addressFields('billing')) : null,
    sameAddress: wanted.shipping && wanted.billing ? checkbox(sameAddressId, typed) : null,
  };
}

function presentPayment(typed: Typed, { offer, errors, now }: ShownForm) {
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
    fields: cardFields.map((field) => presentField(field, typed, errors)),
  };
}

function checkbox(id: string, typed: Typed) {
  return { id, isChecked: typed[id] === 'on' };
}

function presentField(field: FormField, typed: Typed, errors: readonly FormError[]) {
  const error = errors.find((entry) => entry.field === field.id)?.message ?? null;
  const describedBy = [error && `${field.id}-error`, field.hint && `${field.id}-hint`].filter(Boolean);
  return {
    ...field,
    hint: field.hint ?? null,
    control: field.control ?? 'text',
    type: field.type ?? 'text',
    inputmode: field.inputmode ?? null,
    isOptional: field.isOptional ?? false,
    value: typed[field.id] ?? '',
    error,
    describedBy: describedBy.join(' '),
    countries: field.control === 'country' ? { likely: likelyCountries, others: otherCountries } : null,
  };
}

export function challengePage(intent: PaymentIntent, challengeId: string, attempt: PaymentAttempt) {
  return {
    title: 'Confirm it is you',
    total: formatMoney(intent.total),
    lastDigits: attempt.card.maskedNumber.slice(-4),
    action: `/checkout/${intent.id}/challenge/${challengeId}`,
  };
}

type Line = {
  readonly name: string;
  readonly quantity: number | null;
  readonly note: string | null;
  /** Null if the shop gives none. */
  readonly amount: string | null;
};

/** The order as the shop sent it: lines are shown, not added up. */
function presentOrder(intent: PaymentIntent) {
  const { config, reference, description } = intent.request;
  return {
    description: description || null,
    reference: config?.details?.showReference ? reference : null,
    // Shown unless the shop hides it.
    total: config?.details?.showTotal === false ? null : formatMoney(intent.total),
    lines: orderLines(intent),
  };
}

function orderLines({ request }: PaymentIntent): Line[] {
  const items = (request.itemLines ?? []).map(({ name, id, quantity, modifiers, amountTotal }) => ({
    name: name || id || 'Item',
    quantity: quantity !== undefined && quantity > 1 ? quantity : null,
    note:
      (modifiers ?? [])
        .map((modifier) =>
          modifier.quantity > 1 ? `${modifier.name} × ${modifier.quantity}` : modifier.name,
        )
        .join(', ') || null,
    amount: amountTotal && formatMoney(amountTotal),
  }));
  const taxes = (request.taxLines ?? []).map(({ caption, id, subCaption, amountTotal }) => ({
    name: caption || id || 'Tax',
    quantity: null,
    note: subCaption || null,
    amount: formatMoney(amountTotal),
  }));
  const extras = [
    { name: 'Tip', money: request.tipsAmount },
    { name: 'Cashback', money: request.cashbackAmount },
    { name: 'Service charge', money: request.serviceChargeAmount },
  ].flatMap(({ name, money }) =>
    money ? [{ name, quantity: null, note: null, amount: formatMoney(money) }] : [],
  );
  return [...items, ...taxes, ...extras];
}
