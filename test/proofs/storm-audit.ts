import { DatabaseSync } from 'node:sqlite';
import type { Order } from '../../src/shop/order.ts';
import {
  deriveHolds,
  deriveStatus,
  factsFromStatus,
  isDueForFulfilment,
  mergeFacts,
  noActs,
} from '../../src/shop/order-status.ts';
import type { Event } from './storm-plan.ts';

/** Compares the file with the pure functions applied to what was sent. */
export function auditStorm(path: string, orders: readonly Order[], events: readonly Event[]) {
  const database = new DatabaseSync(path, { readOnly: true });
  const wrong: string[] = [];
  const statuses: Record<string, number> = {};
  let held = 0;
  let fulfilments = 0;
  try {
    // Rows are numbered as they were added, which is the order in which the shop applied them.
    const kept = database
      .prepare('SELECT event_id, body FROM events ORDER BY rowid')
      .all()
      .map((row) => ({ id: String(row.event_id), body: Buffer.from(row.body as Uint8Array).toString() }));
    wrong.push(...compareKept(kept, events));

    const byId = new Map(events.map((event) => [event.id, event]));
    const byIntent = new Map<string, Event[]>();
    for (const { id } of kept) {
      const event = byId.get(id);
      if (event === undefined) continue;
      const ofIntent = byIntent.get(event.paymentIntentId);
      if (ofIntent === undefined) byIntent.set(event.paymentIntentId, [event]);
      else ofIntent.push(event);
    }
    const place = new Map(kept.map(({ id }, index) => [id, index]));

    const rows = new Map(
      database
        .prepare(
          `SELECT checkout_key, status, holds,
             (SELECT count(*) FROM fulfilments WHERE order_id = id) AS fulfilments FROM orders`,
        )
        .all()
        .map((row) => [row.checkout_key, row]),
    );
    for (const order of orders) {
      const ofOrder = order.attempts
        .flatMap(({ paymentIntentId }) => byIntent.get(paymentIntentId ?? '') ?? [])
        .sort((a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0));
      wrong.push(...findOvertaken(ofOrder));
      const wanted = tradeOf(order, ofOrder);
      const row = rows.get(order.checkoutKey);
      const found = { status: row?.status, holds: row?.holds, fulfilments: row?.fulfilments };
      if (JSON.stringify(found) !== JSON.stringify(wanted)) {
        const story = ofOrder.map(({ paymentStatus }) => paymentStatus).join(', ');
        wrong.push(
          `${order.reference} after ${story}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`,
        );
      }
      statuses[wanted.status] = (statuses[wanted.status] ?? 0) + 1;
      if (wanted.holds !== '') held += 1;
      fulfilments += wanted.fulfilments;
    }
    const counted = Number(database.prepare('SELECT count(*) AS count FROM fulfilments').get()?.count);
    if (counted !== fulfilments) wrong.push(`${counted} fulfilments instead of ${fulfilments}`);
    return { wrong, counts: { statuses, held, fulfilments } };
  } finally {
    database.close();
  }
}

/** Every true event is kept once, as it was sent, and no forged one is. */
function compareKept(kept: readonly { id: string; body: string }[], events: readonly Event[]): string[] {
  const sent = new Map(events.map(({ id, body }) => [id, body]));
  const wrong: string[] = [];
  for (const { id, body } of kept) {
    if (sent.get(id) !== body) wrong.push(`${id} is kept twice, or was never sent like this`);
    sent.delete(id);
  }
  for (const id of sent.keys()) wrong.push(`${id} is not kept`);
  return wrong;
}

/** What was answered before another event was sent must have been applied before it. */
function findOvertaken(applied: readonly Event[]): string[] {
  return applied.flatMap((event, index) =>
    applied
      .slice(index + 1)
      .filter((later) => later.answeredAt < event.sentAt)
      .map((later) => `${event.id} was applied before ${later.id}, which had been answered`),
  );
}

/**
 * Status and holds are those of the set, whatever the order. Goods go out once it is paid without a hold, and what is
 * heard later takes no fulfilment back; what is heard before prevents it.
 */
function tradeOf(order: Order, applied: readonly Event[]) {
  let attempts = order.attempts;
  let fulfilments = 0;
  const derive = () => {
    const status = deriveStatus(attempts, order.basket.total);
    return { status, holds: deriveHolds(attempts, order.basket.total, noActs) };
  };
  for (const { paymentIntentId, paymentStatus } of applied) {
    attempts = attempts.map((attempt) =>
      attempt.paymentIntentId === paymentIntentId
        ? { ...attempt, facts: mergeFacts(attempt.facts, factsFromStatus(paymentStatus)) }
        : attempt,
    );
    const { status, holds } = derive();
    if (isDueForFulfilment(status, holds)) fulfilments = 1;
  }
  const { status, holds } = derive();
  return { status, holds: holds.join(','), fulfilments };
}
