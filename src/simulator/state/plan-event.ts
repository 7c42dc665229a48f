import type { Faults } from '../active-faults.ts';
import type { WebhookFaultKind } from '../faults.ts';
import type { Ids } from '../ids.ts';
import type { Clock } from './clock.ts';
import type { Delivery } from './delivery.ts';
import {
  createBodyWithExtraFields,
  createEventBody,
  createUnknownEventBody,
  unknownEvent,
  unknownStatus,
} from './event-body.ts';
import type { PaymentIntent } from './payment-intent.ts';

/** What can go wrong with an event as a whole, whatever happens to the attempts to deliver it. */
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
  /** The unknown event that comes besides; null where none does. */
  readonly extra: Delivery | null;
  readonly isBeforeAnswer: boolean;
};

/** The delivery of an event with what happens to it; `possible` are the faults that it may meet now. */
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
  const createBody = met.has('extra-fields') ? createBodyWithExtraFields : createEventBody;
  const holdMs = (met.get('delay') ?? met.get('reorder'))?.delayMs ?? null;
  const delivery: Delivery = {
    id,
    number: faults.nextEvent(),
    event,
    paymentIntentId: intent.id,
    paymentStatus: intent.status,
    amount,
    subscriptionId,
    body: createBody({ id, event, createdAt, intent }),
    createdAt,
    faults: [...met.keys()],
    attempts: [],
    state: met.has('drop') ? 'dropped' : 'pending',
    dueAt: holdMs === null || met.has('drop') ? null : new Date(createdAt.getTime() + holdMs),
  };
  const extra = met.has('unknown-event') ? createExtra(delivery, intent, { faults, ids }) : null;
  return { delivery, extra, isBeforeAnswer: met.has('before-reply') };
}

function createExtra(
  delivery: Delivery,
  intent: PaymentIntent,
  { faults, ids }: { faults: Faults; ids: Ids },
): Delivery {
  const id = ids.next('evt_');
  return {
    ...delivery,
    id,
    number: faults.nextEvent(),
    event: unknownEvent,
    paymentStatus: unknownStatus,
    body: createUnknownEventBody({ id, createdAt: delivery.createdAt, intent }),
    faults: ['unknown-event'],
    state: 'pending',
    dueAt: null,
  };
}
