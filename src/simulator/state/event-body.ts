import { formatInstant } from './instant.ts';
import type { PaymentIntent } from './payment-intent.ts';

export const accountId = 'acc_simulator';

export type EventFact = {
  readonly id: string;
  readonly event: string;
  readonly createdAt: Date;
  readonly intent: Pick<PaymentIntent, 'id' | 'status' | 'captureMode'>;
};

/** The body of an event as docs.dojo.tech, webhooks, shows it: no amount, no reference, no card. */
export function createEventBody(fact: EventFact): Uint8Array<ArrayBuffer> {
  return encode(createEvent(fact));
}

/** With members that no document mentions, of every type that JSON has. */
export function createBodyWithExtraFields(fact: EventFact): Uint8Array<ArrayBuffer> {
  const event = createEvent(fact);
  const extra = { text: 'not in any document', number: 1.5, list: [true, null], object: { version: 2 } };
  return encode({ schemaVersion: '2', ...event, data: { ...event.data, ...extra }, extra });
}

export const unknownEvent = 'payment_intent.undocumented';
export const unknownStatus = 'Undocumented';

/** An event that nobody can subscribe to, with a status that is none. */
export function createUnknownEventBody(fact: Omit<EventFact, 'event'>): Uint8Array<ArrayBuffer> {
  const event = createEvent({ ...fact, event: unknownEvent });
  return encode({ ...event, data: { ...event.data, paymentStatus: unknownStatus } });
}

/**
 * The same bytes but for one: the last of the intent's id. What is left is an event in good form about another intent, which
 * only the signature tells from a true one.
 */
export function corruptBody(body: Uint8Array, paymentIntentId: string): Uint8Array<ArrayBuffer> {
  const corrupt = Buffer.from(body);
  const place = corrupt.lastIndexOf(paymentIntentId) + paymentIntentId.length - 1;
  corrupt[place] = corrupt[place] === letterA ? letterB : letterA;
  return corrupt;
}

const letterA = 'A'.charCodeAt(0);
const letterB = 'B'.charCodeAt(0);

function createEvent({ id, event, createdAt, intent }: EventFact) {
  return {
    id,
    event,
    accountId,
    createdAt: formatInstant(createdAt),
    data: { paymentIntentId: intent.id, paymentStatus: intent.status, captureMode: intent.captureMode },
  };
}

function encode(event: object): Uint8Array<ArrayBuffer> {
  return Buffer.from(JSON.stringify(event));
}
