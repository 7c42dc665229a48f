import { statusUpdatedEvent } from '../../dojo/webhook.ts';
import type { Faults } from '../active-faults.ts';
import type { WebhookFaultKind } from '../faults.ts';
import type { Ids } from '../ids.ts';
import type { Settings } from '../settings.ts';
import type { Clock } from './clock.ts';
import type { Delivery } from './delivery.ts';
import { formatInstant } from './instant.ts';
import type { PaymentIntent } from './payment-intent.ts';

export const accountId = 'acc_simulator';
export const createdEvent = 'payment_intent.created';

/** The event that announces a change, or null: docs.dojo.tech, webhooks, unless a setting decides. */
export function findAnnouncement(
  intent: PaymentIntent,
  before: PaymentIntent | null,
  settings: Settings,
): string | null {
  if (before === null) return createdEvent;
  return isAnnounced(intent, before, settings) ? statusUpdatedEvent : null;
}

function isAnnounced(intent: PaymentIntent, before: PaymentIntent, settings: Settings): boolean {
  const isNew = (type: PaymentIntent['events'][number]['type']) =>
    intent.events.slice(before.events.length).some((event) => event.type === type);
  if (isNew('Declined')) return settings.declineEvent === 'sent';
  if (isNew('Authorized')) return settings.authorizedEvent === 'sent';
  if (intent.isExpired && !before.isExpired) return settings.expiredIntent === 'canceled';
  if (isNew('Refunded') && intent.status === 'Captured') return settings.partialRefundEvent === 'sent';
  return intent.status !== before.status || isNew('Captured');
}

/** The faults that meet an event as a whole, and not one try to deliver it. */
export const eventFaults = [
  'duplicate',
  'reorder',
  'delay',
  'drop',
  'unknown-event',
  'extra-fields',
  'before-reply',
] as const satisfies WebhookFaultKind[];
export type EventFault = (typeof eventFaults)[number];

export type EventPlan = {
  readonly delivery: Delivery;
  /** The undocumented event that comes too, if any. */
  readonly extra: Delivery | null;
  readonly isBeforeAnswer: boolean;
};

/** The delivery of an event with the faults that meet it. `possible` are the faults that can meet it now. */
export function planEvent(
  { faults, ids, clock }: { faults: Faults; ids: Ids; clock: Clock },
  announced: {
    event: string;
    intent: PaymentIntent;
    subscriptionId: string;
    possible: readonly EventFault[];
  },
): EventPlan {
  const { event, intent, subscriptionId, possible } = announced;
  const amount = intent.request.amount.value;
  const met = faults.forEvent(possible, { paymentIntentId: intent.id, amount });
  const id = ids.next('evt_');
  const createdAt = clock.now();
  const holdMs = (met.get('delay') ?? met.get('reorder'))?.delayMs ?? null;
  const body = createEvent({ id, event, createdAt, intent });
  const delivery: Delivery = {
    id,
    number: faults.nextEvent(),
    event,
    paymentIntentId: intent.id,
    paymentStatus: intent.status,
    amount,
    subscriptionId,
    body: encode(met.has('extra-fields') ? addFields(body) : body),
    createdAt,
    faults: [...met.keys()],
    tries: [],
    state: met.has('drop') ? 'dropped' : 'pending',
    dueAt: holdMs === null || met.has('drop') ? null : new Date(createdAt.getTime() + holdMs),
  };
  const extra = met.has('unknown-event') ? createUnknownEvent(delivery, intent, { faults, ids }) : null;
  return { delivery, extra, isBeforeAnswer: met.has('before-reply') };
}

type EventFact = {
  readonly id: string;
  readonly event: string;
  readonly createdAt: Date;
  readonly intent: Pick<PaymentIntent, 'id' | 'status' | 'captureMode'>;
};

/** As docs.dojo.tech, webhooks, shows it: no amount, no reference, no card. */
function createEvent({ id, event, createdAt, intent }: EventFact) {
  return {
    id,
    event,
    accountId,
    createdAt: formatInstant(createdAt),
    data: { paymentIntentId: intent.id, paymentStatus: intent.status, captureMode: intent.captureMode },
  };
}

/** Adds undocumented members of every JSON type. */
function addFields(event: ReturnType<typeof createEvent>) {
  const extra = { text: 'not in any document', number: 1.5, list: [true, null], object: { version: 2 } };
  return { schemaVersion: '2', ...event, data: { ...event.data, ...extra }, extra };
}

export const unknownEvent = 'payment_intent.undocumented';
const unknownStatus = 'Undocumented';

/** An event without subscribers, with a status that does not exist. */
function createUnknownEvent(
  delivery: Delivery,
  intent: PaymentIntent,
  { faults, ids }: { faults: Faults; ids: Ids },
): Delivery {
  const id = ids.next('evt_');
  const event = createEvent({ id, event: unknownEvent, createdAt: delivery.createdAt, intent });
  return {
    ...delivery,
    id,
    number: faults.nextEvent(),
    event: unknownEvent,
    paymentStatus: unknownStatus,
    body: encode({ ...event, data: { ...event.data, paymentStatus: unknownStatus } }),
    faults: ['unknown-event'],
    state: 'pending',
    dueAt: null,
  };
}

/**
 * Changes one byte: the last of the intent's id. The result is a well-formed event about another intent, which only the
 * signature can expose.
 */
export function corruptEvent(body: Uint8Array, paymentIntentId: string): Uint8Array<ArrayBuffer> {
  const corrupt = Buffer.from(body);
  const place = corrupt.lastIndexOf(paymentIntentId) + paymentIntentId.length - 1;
  corrupt[place] = corrupt[place] === letterA ? letterB : letterA;
  return corrupt;
}

const letterA = 'A'.charCodeAt(0);
const letterB = 'B'.charCodeAt(0);

function encode(event: object): Uint8Array<ArrayBuffer> {
  return Buffer.from(JSON.stringify(event));
}
