import type { CaptureMode, PaymentIntent } from '../dojo/schemas.ts';
import type { PricedBasket } from './basket.ts';
import type { Decision, Hold } from './decision.ts';
import type { IntentFacts } from './intent-facts.ts';
import type { OrderStatus } from './order-status.ts';

/** What an order is when it is placed, and stays. */
export type NewOrder = {
  /** Made by the shop and growing with time, so that no sequence is needed and rows are added at the end of every index. */
  readonly id: number;
  /** What people quote, and what Dojo knows the order by. */
  readonly reference: string;
  /** The unguessable last part of the order's address. */
  readonly token: string;
  /** The same key is the same purchase, however often it is sent. */
  readonly checkoutKey: string;
  /** The browser that placed it, by its cookie. */
  readonly shopperId: string;
  readonly basket: PricedBasket;
  readonly createdAt: Date;
};

/** The part of an order that events, observations, our own actions and decisions change. */
export type OrderFacts = Pick<NewOrder, 'id' | 'reference'> & {
  /** Minor units, as are all amounts here. */
  readonly total: number;
  readonly currencyCode: string;
  readonly attempts: readonly PaymentAttempt[];
  /** Those that Dojo did not refuse. */
  readonly refunds: readonly Refund[];
  readonly captures: readonly Capture[];
  readonly decisions: readonly Decision[];
  /** The first of the orders that supersede each other; null outside such a chain. */
  readonly chainId: number | null;
  /** The shopper's newer order: this one is not to be paid any more. */
  readonly supersededBy: number | null;
  /** An order of the chain that kept money when this one was paid. */
  readonly paidAgainWith: number | null;
  readonly sentAt: Date | null;
  /** When the merchant was warned that its reservation ends; null if that has not happened. */
  readonly releaseWarnedAt: Date | null;
  /** When its customer was erased; null if that has not happened. */
  readonly erasedAt: Date | null;
  /** Who carries it, and where its way can be followed; null if no one said so. */
  readonly carrier: string | null;
  readonly trackingUrl: string | null;
  /** When the reconciler asks next; null if nothing is left to ask. */
  readonly nextCheckAt: Date | null;

  // What follows is derived.
  readonly status: OrderStatus;
  readonly holds: readonly Hold[];
  readonly received: number;
  readonly returned: number;
  /** Goods may go out now. */
  readonly mayShip: boolean;
  /** It may go out, or could at some time. */
  readonly isDue: boolean;
  /** When money was first received. */
  readonly paidAt: Date | null;
  readonly updatedAt: Date;
};

/** What one shopper buys with one click of Checkout. */
export type Order = NewOrder & OrderFacts;

/** Money that we asked Dojo to return. */
export type Refund = {
  readonly id: string;
  readonly attempt: number;
  /** A reversal gives back everything, and only as a whole. */
  readonly kind: 'refund' | 'reversal';
  /** `asked` until Dojo answered. */
  readonly state: 'asked' | 'done';
  readonly amount: number;
  readonly askedAt: Date;
};

/** Money that we asked Dojo to take of a reservation. */
export type Capture = Omit<Refund, 'kind'>;

/**
 * - `sending`: recorded, and Dojo is being asked
 * - `attached`: has the intent that the shopper pays
 * - `refused`: Dojo created nothing
 * - `ambiguous`: Dojo may have created an intent that no one was shown
 * - `mismatched`: Dojo created something other than what was asked for; its link is never shown
 * - `found`: was ambiguous, and the reconciler found the intent
 * - `absent`: was ambiguous, and the reconciler found none
 */
export const attemptStates = [
  'sending',
  'attached',
  'refused',
  'ambiguous',
  'mismatched',
  'found',
  'absent',
] as const;
export type AttemptState = (typeof attemptStates)[number];

/** One try at getting an order paid: one call that creates one payment intent. */
export type PaymentAttempt = {
  readonly number: number;
  readonly state: AttemptState;
  readonly captureMode: CaptureMode;
  readonly facts: IntentFacts;
  /** The shopper can be sent to its intent. */
  readonly hasIntent: boolean;
  readonly paymentIntentId: string | null;
  readonly paymentLink: string | null;
  /** When Dojo voids the intent if it is unpaid. */
  readonly expireAt: Date | null;
  /** No other attempt begins before. */
  readonly leaseUntil: Date;
  readonly createdAt: Date;
  /** How often the reconciler searched for an intent that no one was shown. */
  readonly checks: number;
  /** When it searches next; null if there is nothing to search for. */
  readonly nextCheckAt: Date | null;
};

/** The attempt whose link the shopper is sent to; null before there is one. */
export function findAttached(order: Order): PaymentAttempt | null {
  return order.attempts.find((attempt) => attempt.state === 'attached') ?? null;
}

/** An order can still be paid with its link. */
export function isPayable({ status, supersededBy }: Pick<OrderFacts, 'status' | 'supersededBy'>): boolean {
  return isUnpaid({ status }) && supersededBy === null;
}

/** No money has come, and none was given up. */
export function isUnpaid({ status }: Pick<OrderFacts, 'status'>): boolean {
  return status === 'placed' || status === 'awaiting_payment';
}

const settledStatuses: ReadonlySet<OrderStatus> = new Set([
  'authorized',
  'paid',
  'partly_refunded',
  'refunded',
  'reversed',
]);

/** Money was received or authorised, whatever became of it. */
export function isSettled({ status }: Pick<OrderFacts, 'status'>): boolean {
  return settledStatuses.has(status);
}

const ms2020 = Date.UTC(2020, 0, 1);
const randomBits = 2 ** 12;

/** Milliseconds since 2020 and 12 random bits in a safe integer. Two of one millisecond may clash, which the store refuses. */
export function createOrderId(now: Date, random: number): number {
  return (now.getTime() - ms2020) * randomBits + (random % randomBits);
}

// Crockford's digits: no I, L, O or U, in the order of their code points, so references sort by time.
const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** `ORD-0G4K2-M7Q1Z9`: one for each id, short enough to read out. */
export function referenceOf(id: number): string {
  let text = '';
  for (let rest = id; text.length < 11; rest = Math.floor(rest / 32)) text = digits.charAt(rest % 32) + text;
  return formatReference(text);
}

/**
 * A reference as people type it: with or without ORD and dashes, in any case, O for 0, I or L for 1, as Crockford's digits
 * are read. Null if it is none.
 */
export function parseReference(text: string): string | null {
  const typed = text.toUpperCase().replace(/[\s\p{Pd}]/gu, '');
  const plain = typed.replaceAll('O', '0').replace(/[IL]/g, '1');
  const [, code] = /^(?:0RD)?([0-9A-HJKMNP-TV-Z]{11})$/.exec(plain) ?? [];
  return code === undefined ? null : formatReference(code);
}

function formatReference(code: string): string {
  return `ORD-${code.slice(0, 5)}-${code.slice(5)}`;
}

/** The order's id in an address; null if the text is no token. Only the store can tell whether the rest is right. */
export function parseToken(token: string): number | null {
  const id = /^([0-9a-z]{1,11})-[A-Za-z0-9_-]{24}$/.exec(token)?.[1];
  const parsed = id === undefined ? Number.NaN : Number.parseInt(id, 36);
  return Number.isSafeInteger(parsed) ? parsed : null;
}

/** `secret` is 24 characters of base64url, 144 bits, from a cryptographic source. */
export function createToken(id: number, secret: string): string {
  return `${id.toString(36)}-${secret}`;
}

/** Null if the intent is the one that was asked for; otherwise what differs, for the log. */
export function findMismatch(
  order: { readonly reference: string; readonly basket: Pick<PricedBasket, 'total' | 'currencyCode'> },
  intent: PaymentIntent,
): string | null {
  const { value, currencyCode } = intent.amount;
  if (intent.reference !== order.reference) return `reference ${JSON.stringify(intent.reference)}`;
  if (value !== order.basket.total) return `amount ${value} for ${order.basket.total}`;
  if (currencyCode !== order.basket.currencyCode) return `currency for ${order.basket.currencyCode}`;
  return null;
}
