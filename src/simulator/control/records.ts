import type { ApiCall } from '../api/call-log.ts';
import { formatMoney } from '../money.ts';
import type { Delivery } from '../state/delivery.ts';
import type { CardBalance, LedgerEntry } from '../state/ledger.ts';
import type { PaymentIntent } from '../state/payment-intent.ts';
import { refundedAmount } from '../state/payment-intent.ts';

/** One row of a list as the control page shows it. */
export type RecordShown = {
  readonly heading: string;
  readonly href: string | null;
  /** At the end of the line. */
  readonly side: string;
  readonly tag: { readonly text: string; readonly isBad: boolean } | null;
  readonly facts: readonly { readonly name: string; readonly value: string; readonly isCode: boolean }[];
  /** The delivery that its button sends again; null where it has none. */
  readonly resend: string | null;
};

/** An intent as JSON: Dojo's own names where it has them, and the movements that the ledger is made of. */
export function presentIntent(intent: PaymentIntent, publicUrl: string) {
  return {
    id: intent.id,
    reference: intent.request.reference,
    status: intent.status,
    captureMode: intent.captureMode,
    amount: intent.request.amount,
    totalAmount: intent.total,
    refundedAmount: refundedAmount(intent),
    createdAt: intent.createdAt,
    updatedAt: intent.updatedAt,
    expireAt: intent.expireAt,
    isExpired: intent.isExpired,
    page: `${publicUrl}/checkout/${intent.id}`,
    events: intent.events.map(({ type, at }) => ({ type, at })),
    captures: intent.captures,
    refunds: intent.refunds,
    movements: intent.movements,
  };
}

export function presentDelivery({ body, ...delivery }: Delivery) {
  return { ...delivery, body: Buffer.from(body).toString('utf8') };
}

export function intentRecord(intent: PaymentIntent): RecordShown {
  return {
    heading: intent.request.reference,
    href: `/checkout/${intent.id}`,
    side: formatMoney(intent.total),
    tag: { text: intent.isExpired ? `${intent.status}, expired` : intent.status, isBad: false },
    facts: [code('Id', intent.id), fact('Created', showTime(intent.createdAt))],
    resend: null,
  };
}

const stateNames = {
  pending: 'waiting',
  delivered: 'delivered',
  'given-up': 'given up',
  dropped: 'dropped',
} as const satisfies Record<Delivery['state'], string>;

export function deliveryRecord(delivery: Delivery): RecordShown {
  const last = delivery.attempts.at(-1);
  const answer = last === undefined ? 'none yet' : String(last.status ?? last.error);
  return {
    heading: delivery.event,
    href: null,
    side: '',
    tag: {
      text: stateNames[delivery.state],
      isBad: delivery.state === 'given-up' || delivery.state === 'dropped',
    },
    facts: [
      code('Id', delivery.id),
      code('About', delivery.paymentIntentId),
      ...(delivery.paymentStatus === null ? [] : [fact('Status', delivery.paymentStatus)]),
      fact('Created', showTime(delivery.createdAt)),
      fact('Tries', `${delivery.attempts.length}, last answer ${answer}`),
      ...(delivery.dueAt === null ? [] : [fact('Next', showTime(delivery.dueAt))]),
      ...faultFacts([...delivery.faults, ...(last?.faults ?? [])]),
    ],
    resend: delivery.id,
  };
}

export function callRecord(call: ApiCall): RecordShown {
  const isBad = call.status === null || call.status >= 400;
  return {
    heading: `${call.method} ${call.path}`,
    href: null,
    side: '',
    tag: { text: call.status === null ? 'no answer' : String(call.status), isBad },
    facts: [
      fact('At', `${showTime(call.at)}, ${call.latencyMs} ms`),
      ...(call.keyPrefix === null ? [] : [code('Key', `${call.keyPrefix}…`)]),
      ...(call.version === null ? [] : [fact('Version', call.version)]),
      ...(call.problem === null ? [] : [fact('Problem', call.problem)]),
      ...faultFacts(call.faults),
    ],
    resend: null,
  };
}

export function balanceRecord(balance: CardBalance): RecordShown {
  const money = (value: number) => formatMoney({ value, currencyCode: balance.currencyCode });
  return {
    heading: balance.maskedNumber,
    href: null,
    side: `${money(balance.charged - balance.refunded)} kept`,
    tag: { text: `${balance.scheme} ${balance.currencyCode}`, isBad: false },
    facts: [
      fact('Charged', money(balance.charged)),
      fact('Refunded', money(balance.refunded)),
      fact('Held', money(balance.reserved)),
    ],
    resend: null,
  };
}

export function movementRecord(entry: LedgerEntry): RecordShown {
  return {
    heading: entry.reference,
    href: `/checkout/${entry.paymentIntentId}`,
    side: formatMoney({ value: entry.amount, currencyCode: entry.currencyCode }),
    tag: { text: entry.kind, isBad: false },
    facts: [
      code('Card', entry.maskedNumber),
      code('Intent', entry.paymentIntentId),
      fact('At', showTime(entry.at)),
    ],
    resend: null,
  };
}

/** `2026-11-22 10:00:00 UTC`. */
export function showTime(date: Date): string {
  return date
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC');
}

function fact(name: string, value: string) {
  return { name, value, isCode: false };
}

function code(name: string, value: string) {
  return { name, value, isCode: true };
}

function faultFacts(faults: readonly string[]) {
  return faults.length === 0 ? [] : [fact('Faults', faults.join(', '))];
}
