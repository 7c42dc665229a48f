import type { Random } from '../support/random.ts';
import { statusUpdate } from '../support/webhook.ts';

const duplicateShare = 0.3;
const reorderedShare = 0.3;
const forgedShare = 0.1;

/** What may happen to an intent, in Dojo's order. `Released` occurs in Dojo's texts but not in its API. */
const lives: readonly [readonly string[], ...(readonly string[])[]] = [
  ['Created', 'Captured'],
  ['Created', 'Authorized', 'Captured'],
  ['Created', 'Authorized', 'Captured'],
  ['Created', 'Captured', 'Refunded'],
  ['Created', 'Authorized', 'Captured', 'Refunded'],
  ['Created', 'Authorized', 'Reversed'],
  ['Created', 'Authorized', 'Released'],
  ['Created', 'Canceled'],
  ['Created', 'Canceled', 'Captured'],
  ['Captured', 'Captured', 'Refunded', 'Refunded'],
  ['Created', 'Authorized', 'Released', 'Captured'],
];

export type Event = {
  readonly id: string;
  readonly paymentIntentId: string;
  readonly paymentStatus: string;
  readonly body: string;
  /** Ticks of one counter: when it was first sent, and when it was first answered. */
  sentAt: number;
  answeredAt: number;
};

export type Delivery = { readonly event: Event; readonly isForged: boolean; place: number };

/** An order to prepare. `orphanIntentId`: a first attempt's intent, for another amount, that no shopper was shown. */
export type PlannedOrder = { readonly intentId: string; readonly orphanIntentId: string | null };

export function planStorm(count: number, random: Random) {
  const forged = Math.round(count * forgedShare);
  const duplicates = Math.round(count * duplicateShare);
  const orders: PlannedOrder[] = [];
  const events: Event[] = [];
  const deliveries: Delivery[] = [];
  let unknownIntents = 0;

  const live = (paymentIntentId: string, begin: number): void => {
    let place = begin;
    for (const paymentStatus of random.pick(lives)) {
      if (events.length === count - forged - duplicates) return;
      const event = createEvent(`evt_${events.length + 1}`, paymentIntentId, paymentStatus);
      events.push(event);
      deliveries.push({ event, isForged: false, place });
      place += 1 + random.below(400);
    }
  };
  while (events.length < count - forged - duplicates) {
    const number = orders.length + 1;
    const begin = number * 5;
    const order = {
      intentId: `pi_sandbox_storm_${number}`,
      orphanIntentId: random.chance(0.04) ? `pi_sandbox_orphan_${number}` : null,
    };
    orders.push(order);
    live(order.intentId, begin);
    if (order.orphanIntentId !== null && random.chance(0.5)) live(order.orphanIntentId, begin);
    if (random.chance(0.02)) {
      unknownIntents += 1;
      live(`pi_sandbox_unknown_${number}`, begin);
    }
  }

  const originals = deliveries.slice() as [Delivery, ...Delivery[]];
  for (let made = 0; made < duplicates; made += 1) {
    const { event, place } = random.pick(originals);
    // Many at the same moment, the others whenever Dojo stopped waiting.
    deliveries.push({
      event,
      isForged: false,
      place: place + (random.chance(0.5) ? 0 : random.below(2_000)),
    });
  }
  let reordered = 0;
  for (const delivery of deliveries) {
    if (!random.chance(reorderedShare)) continue;
    reordered += 1;
    delivery.place += random.below(2_000) - 1_000;
  }
  for (let made = 0; made < forged; made += 1) {
    const { event, place } = random.pick(originals);
    // Not the true status, so that a forged event that gets through shows.
    const status = random.pick(['Captured', 'Refunded', 'Canceled', 'Reversed']);
    const isForged = true;
    deliveries.push({
      event: createEvent(`evt_forged_${made}`, event.paymentIntentId, status),
      isForged,
      place,
    });
  }
  deliveries.sort((a, b) => a.place - b.place);
  return { orders, events, deliveries, duplicates, reordered, forged, unknownIntents };
}

function createEvent(id: string, paymentIntentId: string, paymentStatus: string): Event {
  const body = statusUpdate({ paymentIntentId, paymentStatus }, { id });
  return { id, paymentIntentId, paymentStatus, body, sentAt: 0, answeredAt: 0 };
}
