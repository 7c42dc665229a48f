import { formatMoney } from '../money.ts';
import type { DeclineReason } from '../state/cards.ts';
import type { Attempt, PaymentIntent } from '../state/payment-intent.ts';
import type { CardFault, CardField, TypedCard } from './card-form.ts';

const brand = 'Pretend Pay simulator';

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
  earlier: {
    heading: 'Your last attempt was declined',
    text: 'Nothing was taken. You can try again with the same card or another one.',
  },
} satisfies Record<DeclineReason | 'earlier', { heading: string; text: string }>;

/** The form to pay with. Never given the security code, so that it can not come back. */
export function payPage(
  intent: PaymentIntent,
  shown: {
    typed: TypedCard;
    faults: readonly CardFault[];
    decline: DeclineReason | 'earlier' | null;
    formKey: string;
  },
) {
  const { config, reference, description } = intent.request;
  const total = formatMoney(intent.total);
  const faultOf = (field: CardField) => shown.faults.find((fault) => fault.field === field)?.message ?? null;
  const prefix = shown.faults.length > 0 ? 'Error: ' : shown.decline !== null ? 'Declined: ' : '';
  return {
    title: `${prefix}Pay ${total} – ${brand}`,
    heading: config?.title || 'Your payment',
    description: description || null,
    reference: config?.details?.showReference ? reference : null,
    total,
    lines: orderLines(intent),
    action: `/checkout/${intent.id}`,
    formKey: shown.formKey,
    cancelUrl: config?.cancelUrl ? new URL(config.cancelUrl).href : null,
    faults: shown.faults,
    decline: shown.decline && declineTexts[shown.decline],
    fields: [
      {
        id: 'cardNumber',
        label: 'Card number',
        hint: null,
        value: shown.typed.cardNumber,
        autocomplete: 'cc-number',
        inputmode: 'numeric',
      },
      {
        id: 'expiryDate',
        label: 'Expiry date',
        hint: 'Month and year, like 12/29',
        value: shown.typed.expiryDate,
        autocomplete: 'cc-exp',
        inputmode: 'numeric',
      },
      {
        id: 'securityCode',
        label: 'Security code',
        hint: 'The 3 or 4 digits on the card',
        value: '',
        autocomplete: 'cc-csc',
        inputmode: 'numeric',
      },
      {
        id: 'nameOnCard',
        label: 'Name on card',
        hint: null,
        value: shown.typed.nameOnCard,
        autocomplete: 'cc-name',
        inputmode: 'text',
      },
    ].map((field) => ({ ...field, fault: faultOf(field.id as CardField) })),
  };
}

export function challengePage(intent: PaymentIntent, challengeId: string, attempt: Attempt) {
  return {
    title: `Confirm it is you – ${brand}`,
    total: formatMoney(intent.total),
    lastDigits: attempt.card.maskedNumber.slice(-4),
    action: `/checkout/${intent.id}/challenge/${challengeId}`,
  };
}

/** Says why there is nothing to pay, with the status that fits: 409 to a second attempt on a paid intent. */
export function noticePage(intent: PaymentIntent | null, why: 'shown' | 'refused') {
  const { status, heading, texts } = describe(intent, why);
  const isPaid = intent?.status === 'Captured' || intent?.status === 'Authorized';
  const cancelUrl = intent?.request.config?.cancelUrl;
  const backUrl = intent && (isPaid ? returnAddress(intent) : cancelUrl ? new URL(cancelUrl).href : null);
  return { status, page: { title: `${heading} – ${brand}`, heading, texts, backUrl: backUrl ?? null } };
}

function describe(intent: PaymentIntent | null, why: 'shown' | 'refused') {
  if (intent === null)
    return {
      status: 404,
      heading: 'There is no such payment',
      texts: ['The link may be mistyped, or the simulator was started anew since: it remembers nothing.'],
    };
  const total = formatMoney(intent.total);
  const paid = why === 'refused' ? 409 : 200;
  const again = why === 'refused' ? ['It was paid before. Nothing more was taken.'] : [];
  switch (intent.status) {
    case 'Captured':
      return { status: paid, heading: 'Payment complete', texts: [`${total} was paid.`, ...again] };
    case 'Authorized':
      return {
        status: paid,
        heading: 'Payment authorised',
        texts: [`${total} is reserved, and not yet taken.`, ...again],
      };
    case 'Refunded':
      return { status: 410, heading: 'This payment was refunded', texts: [`${total} was given back.`] };
    case 'Reversed':
      return { status: 410, heading: 'This payment was reversed', texts: [`${total} was given back.`] };
    default:
      return intent.isExpired
        ? { status: 410, heading: 'This payment link has expired', texts: ['Nothing was taken.'] }
        : { status: 410, heading: 'This payment was canceled', texts: ['Nothing was taken.'] };
  }
}

/** The shop's own address with the intent's id behind its query; null where the shop named none. */
export function returnAddress(intent: PaymentIntent): string | null {
  const address = intent.request.config?.redirectUrl;
  if (!address) return null;
  const url = new URL(address);
  // Not through searchParams: those would rewrite the shop's own query.
  url.search = `${url.search}${url.search === '' ? '?' : '&'}id=${intent.id}`;
  return url.href;
}

function orderLines({ request }: PaymentIntent) {
  const items = (request.itemLines ?? []).map(({ name, id, quantity, amountTotal }) => ({
    name: name || id || 'Item',
    quantity: quantity !== undefined && quantity > 1 ? quantity : null,
    note: null,
    amount: formatMoney(amountTotal),
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
