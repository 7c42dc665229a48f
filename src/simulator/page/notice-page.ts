import type { Response } from 'express';
import { formatMoney, sendPage } from '../pages.ts';
import type { Settings } from '../settings.ts';
import { capturedAmount, type PaymentIntent, refundedAmount } from '../state/payment-intent.ts';

type Notice = {
  readonly status: number;
  readonly tone: 'good' | 'plain';
  readonly heading: string;
  readonly texts: readonly string[];
};

/** Says why there is nothing to pay, with the matching status: 409 for a second attempt to pay an intent. */
export function noticePage(intent: PaymentIntent, why: 'shown' | 'refused', settings: Settings) {
  const { status, tone, heading, texts } = describe(intent, why);
  const isPaid = intent.status === 'Captured' || intent.status === 'Authorized';
  const { reference, config } = intent.request;
  return {
    status,
    page: {
      title: heading,
      tone,
      heading,
      texts,
      reference: config?.details?.showReference ? reference : null,
      backUrl: isPaid ? returnAddress(intent, settings) : cancelAddress(intent),
    },
  };
}

function describe(intent: PaymentIntent, why: 'shown' | 'refused'): Notice {
  const { status, isExpired } = intent;
  if (status === 'Captured' || status === 'Authorized') return describePaid(intent, why);
  const taken = capturedAmount(intent);
  if (status === 'Refunded')
    return gone('This payment was refunded', `${money(intent, refundedAmount(intent))} was refunded.`);
  if (status === 'Reversed') {
    const text =
      taken > 0
        ? `${money(intent, taken)} was given back.`
        : 'The reservation was released. Nothing was taken.';
    return gone('This payment was reversed', text);
  }
  return isExpired
    ? gone('This payment link has expired', 'It was not paid in time. Nothing was taken.')
    : gone('This payment was cancelled', 'Nothing was taken.');
}

function describePaid(intent: PaymentIntent, why: 'shown' | 'refused'): Notice {
  const again = why === 'refused' ? ['It was paid already. Nothing more was taken.'] : [];
  const answer = { status: why === 'refused' ? 409 : 200, tone: 'good' } as const;
  if (intent.status === 'Authorized') {
    const texts = [`${money(intent, intent.total.value)} is reserved, but not taken yet.`, ...again];
    return { ...answer, heading: 'Payment authorised', texts };
  }
  const returned = refundedAmount(intent);
  const texts = [`${money(intent, capturedAmount(intent))} was paid.`, ...again];
  if (returned === 0) return { ...answer, heading: 'Payment complete', texts };
  return {
    ...answer,
    heading: 'Payment complete, partly refunded',
    texts: [...texts, `${money(intent, returned)} was refunded.`],
  };
}

function gone(heading: string, text: string): Notice {
  return { status: 410, tone: 'plain', heading, texts: [text] };
}

function money({ total }: PaymentIntent, value: number): string {
  return formatMoney({ value, currencyCode: total.currencyCode });
}

/**
 * Where the shopper goes after paying: the shop's address with the id of the intent; null if the shop gave none. The setting
 * `merged` appends `id` to the shop's query, so the shop's own `id` comes first; `id` replaces the query; `none` changes
 * nothing. The fragment always stays.
 */
export function returnAddress(intent: PaymentIntent, { returnQuery }: Settings): string | null {
  const address = intent.request.config?.redirectUrl;
  if (!address) return null;
  const url = new URL(address);
  if (returnQuery === 'none') return url.href;
  // searchParams would rewrite the shop's own query.
  const kept = returnQuery === 'merged' && url.search !== '' ? `${url.search}&` : '?';
  url.search = `${kept}id=${intent.id}`;
  return url.href;
}

/** Where a shopper goes who does not want to pay; null if the shop gave no address. It does not cancel the intent. */
export function cancelAddress({ request }: PaymentIntent): string | null {
  return request.config?.cancelUrl ? new URL(request.config.cancelUrl).href : null;
}

const errors: Readonly<Record<number, { heading: string; text: string }>> = Object.freeze({
  400: { heading: 'This page could not be read', text: 'The address or the form has a mistake in it.' },
  404: {
    heading: 'There is no such payment',
    text: 'The link may be mistyped, or the simulator was restarted without a state file.',
  },
  405: { heading: 'That does not work here', text: 'Open the payment page, or send its form.' },
  413: { heading: 'That is too much', text: 'The form is longer than any payment needs. Nothing was taken.' },
  415: {
    heading: 'This form could not be read',
    text: 'The page reads forms as browsers send them: application/x-www-form-urlencoded in UTF-8. Nothing was taken.',
  },
});
const unexpected = { heading: 'The simulator failed', text: 'Its log says why. Please try again.' };

/** Repeats nothing of the request. */
export function sendErrorPage(res: Response, status: number): void {
  const { heading, text } = errors[status] ?? unexpected;
  sendPage(res, {
    name: 'notice',
    status,
    page: {
      title: heading,
      tone: 'plain',
      heading,
      texts: [text],
      reference: null,
      backUrl: null,
      notes: [],
    },
  });
}
