import { z } from 'zod';
import type { Hold } from '../../src/shop/decision.ts';
import { deriveStatus } from '../../src/shop/derive-status.ts';
import { findShipRefusal, standingHolds } from '../../src/shop/holds.ts';
import { factsFromStatus, mergeFacts, noFacts } from '../../src/shop/intent-facts.ts';
import type { Order } from '../../src/shop/order.ts';
import { openDatabase } from '../support/open-database.ts';
import type { Event } from './storm-plan.ts';

const eventRows = z.array(z.object({ event_id: z.string(), body: z.instanceof(Uint8Array) }));
const orderRows = z.array(
  z.object({ checkout_key: z.string(), status: z.string(), holds: z.string(), fulfilments: z.int() }),
);

/**
 * In the order in which the shop applied them: SQLite numbers its rows, and PostgreSQL its transactions, which one process
 * runs one after another for its events.
 */
const asApplied = {
  sqlite: 'rowid',
  postgres: 'CAST(CAST(xmin AS TEXT) AS BIGINT), ctid',
};

/** Compares the database with what the pure functions make of the events sent. */
export async function auditStorm(databaseUrl: string, orders: readonly Order[], events: readonly Event[]) {
  const database = await openDatabase(databaseUrl);
  const wrong: string[] = [];
  const statuses: Record<string, number> = {};
  let held = 0;
  let fulfilments = 0;
  try {
    const found = await database.read(async (tx) => ({
      events: eventRows.parse(
        await tx.all(`SELECT event_id, body FROM events ORDER BY ${asApplied[tx.dialect.name]}`),
      ),
      orders: orderRows.parse(
        await tx.all(`SELECT checkout_key, status, holds,
          (SELECT COUNT(*) FROM fulfilments WHERE order_id = orders.id) AS fulfilments FROM orders`),
      ),
    }));
    const kept = found.events.map((row) => ({ id: row.event_id, body: Buffer.from(row.body).toString() }));
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

    const rows = new Map(found.orders.map((row) => [row.checkout_key, row]));
    for (const order of orders) {
      const ofOrder = order.attempts
        .flatMap(({ paymentIntentId }) => byIntent.get(paymentIntentId ?? '') ?? [])
        .sort((a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0));
      wrong.push(...findOvertaken(ofOrder));
      const { isDue, ...trade } = tradeOf(order, ofOrder);
      const row = rows.get(order.checkoutKey);
      // What came in one commit counts together: goods that were due between two of its events were never due.
      const least = isDue ? trade.fulfilments : Math.min(trade.fulfilments, row?.fulfilments ?? 0);
      const wanted = { ...trade, fulfilments: least };
      const is = { status: row?.status, holds: row?.holds, fulfilments: row?.fulfilments };
      if (JSON.stringify(is) !== JSON.stringify(wanted)) {
        const story = ofOrder.map(({ paymentStatus }) => paymentStatus).join(', ');
        wrong.push(
          `${order.reference} after ${story}: ${JSON.stringify(is)} instead of ${JSON.stringify(wanted)}`,
        );
      }
      statuses[wanted.status] = (statuses[wanted.status] ?? 0) + 1;
      if (wanted.holds !== '') held += 1;
      fulfilments += wanted.fulfilments;
    }
    const counted = found.orders.reduce((sum, row) => sum + row.fulfilments, 0);
    if (counted !== fulfilments) wrong.push(`${counted} fulfilments instead of ${fulfilments}`);
    return { wrong, counts: { statuses, held, fulfilments } };
  } finally {
    await database.close();
  }
}

/** Every genuine event is kept once, as it was sent; no forged one is kept. */
function compareKept(kept: readonly { id: string; body: string }[], events: readonly Event[]): string[] {
  const sent = new Map(events.map(({ id, body }) => [id, body]));
  const wrong: string[] = [];
  for (const { id, body } of kept) {
    if (sent.get(id) !== body) wrong.push(`${id} is kept twice, or was never sent in this form`);
    sent.delete(id);
  }
  for (const id of sent.keys()) wrong.push(`${id} is not kept`);
  return wrong;
}

/** An event answered before another was sent must be applied before it. */
function findOvertaken(applied: readonly Event[]): string[] {
  return applied.flatMap((event, index) =>
    applied
      .slice(index + 1)
      .filter((later) => later.answeredAt < event.sentAt)
      .map((later) => `${event.id} was applied before ${later.id}, which had been answered`),
  );
}

/**
 * Status and holds depend on the set of events, not on their order. Goods go out once an order is paid without a hold: an
 * earlier event can prevent that, a later one cannot undo it.
 */
function tradeOf(order: Order, applied: readonly Event[]) {
  const bare = { ...order, decisions: [], refunds: [], captures: [], sentAt: null };
  let attempts = order.attempts.map((attempt) => ({
    ...attempt,
    facts: { ...noFacts, mismatched: attempt.state === 'mismatched' },
  }));
  let fulfilments = 0;
  const derive = () => {
    const known = { ...bare, attempts };
    const standing = Object.keys(standingHolds(known)) as Hold[];
    return { status: deriveStatus(known), holds: standing, isDue: findShipRefusal(known, standing) === null };
  };
  for (const { paymentIntentId, paymentStatus } of applied) {
    attempts = attempts.map((attempt) =>
      attempt.paymentIntentId === paymentIntentId
        ? { ...attempt, facts: mergeFacts(attempt.facts, factsFromStatus(paymentStatus)) }
        : attempt,
    );
    if (derive().isDue) fulfilments = 1;
  }
  const { status, holds, isDue } = derive();
  return { status, holds: holds.join(','), fulfilments, isDue };
}
