import { formatMoney } from '../money.ts';
import type { Settings } from '../settings.ts';
import { capturedAmount, type PaymentIntent, refundedAmount } from '../state/payment-intent.ts';
import { pageTitle } from './page-title.ts';
import { cancelAddress, returnAddress } from './return-address.ts';

type Notice = {
  readonly status: number;
  readonly tone: 'good' | 'plain';
  readonly heading: string;
  readonly texts: readonly string[];
};

/** Says why there is nothing to pay, with the status that fits: 409 to a second attempt on a paid intent. */
export function noticePage(intent: PaymentIntent, why: 'shown' | 'refused', settings: Settings) {
  const { status, tone, heading, texts } = describe(intent, why);
  const isPaid = intent.status === 'Captured' || intent.status === 'Authorized';
  const { reference, config } = intent.request;
  return {
    status,
    page: {
      title: pageTitle(heading),
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
  const paid = money(intent, taken);
  if (status === 'Refunded')
    return gone('This payment was refunded', `${money(intent, refundedAmount(intent))} was given back.`);
  if (status === 'Reversed') {
    const text =
      taken > 0 ? `${paid} was given back.` : 'What was reserved is free again. Nothing was taken.';
    return gone('This payment was reversed', text);
  }
  return isExpired
    ? gone('This payment link has expired', 'It was not paid in time. Nothing was taken.')
    : gone('This payment was canceled', 'Nothing was taken.');
}

function describePaid(intent: PaymentIntent, why: 'shown' | 'refused'): Notice {
  const again = why === 'refused' ? ['It was paid before. Nothing more was taken.'] : [];
  const answer = { status: why === 'refused' ? 409 : 200, tone: 'good' } as const;
  if (intent.status === 'Authorized') {
    const texts = [`${money(intent, intent.total.value)} is reserved, and not yet taken.`, ...again];
    return { ...answer, heading: 'Payment authorised', texts };
  }
  const returned = refundedAmount(intent);
  const texts = [`${money(intent, capturedAmount(intent))} was paid.`, ...again];
  if (returned === 0) return { ...answer, heading: 'Payment complete', texts };
  return {
    ...answer,
    heading: 'Payment complete, partly refunded',
    texts: [...texts, `${money(intent, returned)} of it was given back.`],
  };
}

function gone(heading: string, text: string): Notice {
  return { status: 410, tone: 'plain', heading, texts: [text] };
}

function money({ total }: PaymentIntent, value: number): string {
  return formatMoney({ value, currencyCode: total.currencyCode });
}
