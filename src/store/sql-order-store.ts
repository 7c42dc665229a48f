import { z } from 'zod';
import { isSamePurchase } from '../shop/basket.ts';
import { isSameCustomer } from '../shop/customer.ts';
import { type NewOrder, parseToken } from '../shop/order.ts';
import { supersede } from '../shop/order-chain.ts';
import {
  type AttemptStart,
  attachIntent,
  type BegunAttemptKind,
  beginAttempt,
  newAttempt,
  settleAttempt,
} from '../shop/payment-attempt.ts';
import { createCheckStore } from './checks.ts';
import { createCustomerStore, findCustomer, insertCustomer } from './customers.ts';
import { createDeliveryStore } from './deliveries.ts';
import { lockWithIntent, probeEvents, quarantine, recordEvents, saveWithIntent } from './events.ts';
import { createFulfilmentStore } from './fulfilments.ts';
import { createLimitStore, noteCheckout } from './limits.ts';
import { attemptsTable, basketsTable, ordersTable } from './order-rows.ts';
import type { BegunAttempt, OrderStore } from './order-store.ts';
import { changeOrder, changeWholeOrder, findBaskets, findOrder, lockFacts, saveChanges } from './orders.ts';
import { createRefundStore } from './refunds.ts';
import { createReplayStore } from './replay.ts';
import { inCommonTime, type SqlDatabase, type SqlTransaction } from './sql.ts';

/** The order store in SQL, every statement once, in words that both databases read alike. */
export function createSqlOrderStore(database: SqlDatabase): OrderStore {
  return {
    ...createCheckStore(database),
    ...createRefundStore(database),
    ...createFulfilmentStore(database),
    ...createDeliveryStore(database),
    ...createReplayStore(database),
    ...createCustomerStore(database),
    ...createLimitStore(database),

    placeOrder: (order, start, { supersedes = [], customer = null, limits = null } = {}) =>
      database.write(async (tx) => {
        const { id: orderId, basket } = order;
        const [{ until }, [isNew]] = await Promise.all([
          inCommonTime(tx, start.createdAt, start.leaseUntil),
          tx.insertNewRows(ordersTable, [
            { ...order, total: basket.total, currency: basket.currencyCode, updatedAt: order.createdAt },
          ]),
        ]);
        if (isNew) {
          if (limits !== null && !(await noteCheckout(tx, order, limits))) {
            await tx.run('DELETE FROM orders WHERE id = $1', [orderId]);
            return { kind: 'too-many-open' };
          }
          const attempt = { orderId, ...newAttempt(1, { ...start, leaseUntil: new Date(until) }) };
          await tx.withCommit(tx.insertRows(attemptsTable, [attempt]));
          await tx.withCommit(tx.insertRows(basketsTable, [{ orderId, basket: JSON.stringify(basket) }]));
          if (customer !== null) await insertCustomer(tx, orderId, customer);
          await supersedeOrders(tx, order, supersedes);
          return { kind: 'placed' };
        }
        const found = await findOrder(tx, 'checkout_key', order.checkoutKey);
        if (found === null) return { kind: 'id-taken' };
        if (!isSamePurchase(found.basket, basket)) return { kind: 'basket-changed' };
        const isKnown = found.erasedAt !== null || isSameCustomer(await findCustomer(tx, found.id), customer);
        if (!isKnown) return { kind: 'details-changed' };
        return begin(tx, found.id, start);
      }),

    beginAttempt: (orderId, start) => database.write((tx) => begin(tx, orderId, start)),

    attachIntent: (orderId, attempt, intent, now) =>
      database.write(async (tx) => {
        const { order, waiting, isTaken } = await lockWithIntent(tx, orderId, intent.id);
        if (isTaken) return 'taken';
        const after = attachIntent(order, attempt, intent, { waiting, now });
        if (after === null) return 'lost';
        await saveWithIntent(tx, { before: order, after }, intent.id, waiting);
        return order.supersededBy === null ? 'attached' : 'superseded';
      }),

    endAttempt: (orderId, number, { state, paymentIntentId, nextCheckAt }, now) =>
      database.write(async (tx) => {
        const { order, waiting, isTaken } = await lockWithIntent(tx, orderId, paymentIntentId);
        if (order.attempts.find((attempt) => attempt.number === number)?.state !== 'sending') return;
        // The id of another attempt stays with that one.
        const end = isTaken
          ? { state, paymentIntentId: null, nextCheckAt: null }
          : { state, paymentIntentId, nextCheckAt };
        const known = { waiting: isTaken ? [] : waiting, observation: null, now };
        const { after } = settleAttempt(order, number, end, known);
        await saveWithIntent(tx, { before: order, after }, end.paymentIntentId, waiting);
      }),

    recordEvents: (events) => database.write((tx) => recordEvents(tx, events)),

    quarantine: (delivery) => database.write((tx) => quarantine(tx, delivery)),

    async findOrderByToken(token) {
      const id = parseToken(token);
      if (id === null) return null;
      const order = await database.read((tx) => findOrder(tx, 'id', id));
      return order?.token === token ? order : null;
    },

    findOrderByReference: (reference) => database.read((tx) => findOrder(tx, 'reference', reference)),

    findOrderByCheckoutKey: (checkoutKey) =>
      database.read((tx) => findOrder(tx, 'checkout_key', checkoutKey)),

    findBaskets: (checkoutKeys) => database.read((tx) => findBaskets(tx, checkoutKeys)),

    keepSetting: (name, value) =>
      database.write(async (tx) => {
        await tx.run(`INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, [
          name,
          value,
        ]);
        const [row] = await tx.all(`SELECT value FROM settings WHERE name = $1`, [name]);
        return settingSchema.parse(row).value;
      }),

    async findSetting(name) {
      const [row] = await database.read((tx) => tx.all(`SELECT value FROM settings WHERE name = $1`, [name]));
      return settingSchema.optional().parse(row)?.value ?? null;
    },

    checkWritable: () =>
      database.write(async (tx) => {
        await tx.run(
          `INSERT INTO settings (name, value) VALUES ('writable', $1) ON CONFLICT (name) DO UPDATE
            SET value = CASE settings.value WHEN excluded.value THEN $2 ELSE excluded.value END`,
          probes,
        );
        await probeEvents(tx);
      }),

    close: () => database.close(),
  };
}

const settingSchema = z.object({ value: z.string() });

/**
 * What is written alternately to see whether anything can be. More than an order takes: a log that has room left over from one
 * that did not fit would still take a row. All of it changes, since SQLite writes no page that stays as it is.
 */
const probes = ['-', '+'].map((sign) => sign.repeat(64 * 1024));

async function supersedeOrders(
  tx: SqlTransaction,
  newer: NewOrder,
  checkoutKeys: readonly string[],
): Promise<void> {
  if (checkoutKeys.length === 0) return;
  const rows = await tx.all(
    `SELECT id FROM orders WHERE checkout_key ${tx.dialect.isOneOf('$1')} AND shopper_id = $2 AND id <> $3`,
    [checkoutKeys, newer.shopperId, newer.id],
  );
  const ids = z.array(z.object({ id: z.int() })).parse(rows);
  const earlier = await lockFacts(
    tx,
    ids.map(({ id }) => id),
  );
  const { changes, chainId } = supersede(earlier, newer, newer.createdAt);
  await saveChanges(tx, changes);
  if (chainId !== null) await changeOrder(tx, newer.id, (order) => ({ ...order, chainId }));
}

async function begin(tx: SqlTransaction, orderId: number, start: AttemptStart): Promise<BegunAttempt> {
  const { now, until } = await inCommonTime(tx, start.createdAt, start.leaseUntil);
  let begun = { kind: 'settled' as BegunAttemptKind, number: 0 };
  const order = await changeWholeOrder(tx, orderId, (facts) => {
    const times = { now: new Date(now), leaseUntil: new Date(until) };
    const { after, ...outcome } = beginAttempt(facts, { ...start, ...times });
    begun = outcome;
    return after;
  });
  const { kind, number } = begun;
  return kind === 'begun' ? { kind, order, number } : { kind, order };
}
