import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reconcile } from '../../src/checkout/reconcile.ts';
import { createDojoClient } from '../../src/dojo/client.ts';
import { DojoError, type DojoErrorKind } from '../../src/dojo/errors.ts';
import type { PaymentIntent, SearchRequest } from '../../src/dojo/schemas.ts';
import { countCalls, totalOf } from '../support/count-calls.ts';
import { rows } from '../support/database.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import type { Scenario } from '../support/scenario.ts';
import {
  current,
  due,
  hours,
  logged,
  minutes,
  ordered,
  runReconcile,
  start,
} from '../support/scenario-steps.ts';

const days = 24 * hours;
const seconds = 1_000;

let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

type Placed = Awaited<ReturnType<typeof ordered>>;

/** Places orders, a second apart, and pays those that `isPaid` chooses. */
async function placeMany(
  shop: Scenario,
  count: number,
  isPaid = (_index: number) => true,
): Promise<Placed[]> {
  const placed: Placed[] = [];
  for (let index = 0; index < count; index += 1) {
    const each = await ordered(shop, `key-${shop.now().getTime()}-${index}`);
    if (isPaid(index)) await shop.pay(each.intentId);
    placed.push(each);
    shop.pass(seconds);
  }
  return placed;
}

async function statusesOf(shop: Scenario, placed: readonly Placed[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { order } of placed) {
    const { status, holds } = await current(shop, order);
    const key = [status, ...holds].join(' ');
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** Changes what every search answers. */
function changeSearch(
  shop: Scenario,
  change: (rows: PaymentIntent[], search: SearchRequest) => PaymentIntent[],
) {
  const real = shop.context.dojo.searchPaymentIntents;
  const changed: typeof real = async (search) => {
    const page = await real(search);
    return { ...page, data: change(page.data, search) };
  };
  Object.assign(shop.context.dojo, { searchPaymentIntents: changed });
}

const fail = (kind: DojoErrorKind) => () => Promise.reject(new DojoError(kind, 'No usable answer.'));

describe.each([
  ['SQLite', async () => ({})],
  ['PostgreSQL', async () => ({ databaseUrl: await postgres.createDatabase() })],
])('on %s the reconciler', (_database, options) => {
  test('verifies four hundred paid orders, all passes included, with 0.06 calls an order at most', async () => {
    const shop = await start(await options());
    shop.pass(seconds);
    const placed = await placeMany(shop, 400);
    await shop.handAll();
    const calls = countCalls(shop.context.dojo);
    shop.pass(minutes);
    expect((await runReconcile(shop)).orders).toBe(400);
    // One of these searches is the daily one.
    expect(totalOf(calls) - 1).toBeLessThanOrEqual(0.02 * 400);
    for (const day of [1, 7, 30, 90]) {
      shop.pass((day === 1 ? 1.1 : day - 0.5) * days);
      await runReconcile(shop);
    }
    expect(calls.getPaymentIntent ?? 0).toBe(0);
    expect(totalOf(calls) - 5).toBeLessThanOrEqual(0.06 * 400);
    expect(await statusesOf(shop, placed)).toEqual({ paid: 400 });
  });

  test('without any webhook makes paid orders right minutes after their payment, and no other', async () => {
    const shop = await start(await options());
    const placed = await placeMany(shop, 250, (index) => index % 5 !== 0);
    const calls = countCalls(shop.context.dojo);
    shop.pass(2 * minutes);
    await runReconcile(shop);
    expect(await statusesOf(shop, placed)).toEqual({ paid: 200, awaiting_payment: 50 });
    expect(totalOf(calls)).toBeLessThanOrEqual(10);
    // Paid long after their checkout, between the checks at fifteen minutes and an hour.
    shop.pass(20 * minutes);
    await runReconcile(shop);
    for (const { intentId } of placed.filter((_, index) => index % 5 === 0)) await shop.pay(intentId);
    shop.pass(5 * minutes);
    await runReconcile(shop);
    expect(await statusesOf(shop, placed)).toEqual({ paid: 250 });
    expect(calls.getPaymentIntent ?? 0).toBe(0);
  });

  test('expires many unpaid orders from the rows of a search alone', async () => {
    const shop = await start(await options());
    const placed = await placeMany(shop, 120, () => false);
    shop.pass(62 * minutes);
    const calls = countCalls(shop.context.dojo);
    await runReconcile(shop);
    expect(await statusesOf(shop, placed)).toEqual({ expired: 120 });
    expect(totalOf(calls)).toBeLessThanOrEqual(4);
  });

  test('learns of refunds in the portal whose webhooks are lost: full ones within a day, parts by the passes', async () => {
    const shop = await start(await options());
    const placed = await placeMany(shop, 6);
    await shop.handAll();
    shop.pass(minutes);
    await runReconcile(shop);
    const [full, part] = placed;
    if (full === undefined || part === undefined) throw new Error('Too few orders.');
    shop.pass(8 * days);
    await runReconcile(shop);
    await shop.portalRefund(full.intentId, 1395);
    await shop.portalRefund(part.intentId, 500);
    shop.pass(days);
    await runReconcile(shop);
    const hold = 'refunded_before_fulfilment';
    expect(await current(shop, full.order)).toMatchObject({
      status: 'refunded',
      returned: 1395,
      holds: [hold],
    });
    expect((await current(shop, part.order)).status).toBe('paid');
    shop.pass(22 * days);
    await runReconcile(shop);
    expect(await current(shop, part.order)).toMatchObject({ status: 'partly_refunded', returned: 500 });
    expect(await statusesOf(shop, placed.slice(2))).toEqual({ paid: 4 });
  });
});

describe('the reconciler, whatever a search shows,', () => {
  test('asks for an intent that no search shows by itself', async () => {
    const shop = await start();
    const placed = await placeMany(shop, 20);
    changeSearch(shop, (found) => found.filter((_, index) => index % 4 !== 0));
    shop.pass(2 * minutes);
    const calls = countCalls(shop.context.dojo);
    await runReconcile(shop);
    expect(await statusesOf(shop, placed)).toEqual({ paid: 20 });
    expect(calls.getPaymentIntent).toBe(5);
  });

  test.each(['nothing', 'an error'] as const)('checks every order when a search gives %s', async (answer) => {
    const shop = await start();
    const placed = await placeMany(shop, 8, (index) => index % 2 === 0);
    if (answer === 'nothing') changeSearch(shop, () => []);
    else Object.assign(shop.context.dojo, { searchPaymentIntents: fail('invalid') });
    shop.pass(2 * minutes);
    const calls = countCalls(shop.context.dojo);
    await runReconcile(shop);
    expect(await statusesOf(shop, placed)).toEqual({ paid: 4, awaiting_payment: 4 });
    expect(calls.getPaymentIntent).toBe(8);
    expect(logged(shop, 'searchFailed').length > 0).toBe(answer === 'an error');
  });

  test('reads smaller pages when one is too large to be read', async () => {
    const shop = await start();
    const placed = await placeMany(shop, 30);
    const real = shop.context.dojo.searchPaymentIntents;
    const large: typeof real = (search) =>
      (search.cursor?.limit ?? 50) > 25 ? fail('malformed')() : real(search);
    Object.assign(shop.context.dojo, { searchPaymentIntents: large });
    shop.pass(2 * minutes);
    const calls = countCalls(shop.context.dojo);
    await runReconcile(shop);
    expect(await statusesOf(shop, placed)).toEqual({ paid: 30 });
    expect(calls.getPaymentIntent ?? 0).toBe(0);
  });

  test('is right whichever date the search compares', async () => {
    const shop = await start();
    shop.simulator.changeSettings({ searchDates: 'update' });
    const early = await placeMany(shop, 10, () => false);
    shop.pass(10 * minutes);
    for (const { intentId } of early) await shop.pay(intentId);
    const late = await placeMany(shop, 10);
    await shop.handAll();
    shop.pass(minutes);
    await runReconcile(shop);
    for (const later of [1.1, 6.5]) {
      shop.pass(later * days);
      expect((await runReconcile(shop)).orders).toBe(20);
    }
    expect(await statusesOf(shop, [...early, ...late])).toEqual({ paid: 20 });
  });

  test('is right when the rows come from old to new', async () => {
    const shop = await start();
    const placed = await placeMany(shop, 30);
    changeSearch(shop, (found) => found.toReversed());
    shop.pass(2 * minutes);
    const calls = countCalls(shop.context.dojo);
    await runReconcile(shop);
    expect(await statusesOf(shop, placed)).toEqual({ paid: 30 });
    expect(calls.getPaymentIntent ?? 0).toBe(0);
  });

  test('holds an order whose row has another amount', async () => {
    const shop = await start();
    const [one, two] = await placeMany(shop, 2);
    changeSearch(shop, (found) =>
      found.map((row) =>
        row.id === one?.intentId ? { ...row, amount: { value: 1, currencyCode: 'GBP' } } : row,
      ),
    );
    shop.pass(2 * minutes);
    await runReconcile(shop);
    expect(
      await statusesOf(
        shop,
        [one, two].flatMap((each) => each ?? []),
      ),
    ).toEqual({
      'paid amount_mismatch': 1,
      paid: 1,
    });
  });

  test('does not take a row that is behind what is known for a check of the order', async () => {
    const shop = await start();
    const placed = await placeMany(shop, 3);
    await shop.handAll();
    changeSearch(shop, (found) => found.map((row) => ({ ...row, status: 'Created' })));
    shop.pass(minutes);
    const calls = countCalls(shop.context.dojo);
    await runReconcile(shop);
    expect(calls.getPaymentIntent).toBe(3);
    expect(await statusesOf(shop, placed)).toEqual({ paid: 3 });
  });

  test('asks by itself how much of a reservation was taken, when a row does not say', async () => {
    const shop = await start({ env: { CAPTURE_MODE: 'Manual' } });
    const placed = await placeMany(shop, 3);
    await shop.handAll();
    for (const { intentId } of placed) await shop.portalCapture(intentId, 1000);
    changeSearch(shop, (found) => found.map((row) => ({ ...row, captures: undefined })));
    shop.pass(5 * minutes);
    for (let run = 0; run < 2; run += 1) await runReconcile(shop);
    for (const { order } of placed)
      expect(await current(shop, order)).toMatchObject({ status: 'paid', received: 1000, holds: [] });
    expect(due(shop)).toHaveLength(3);
  });

  test('reads again what a webhook told of during a search', async () => {
    const shop = await start();
    const placed = await placeMany(shop, 3);
    await shop.handAll();
    const [one] = placed;
    if (one === undefined) throw new Error('Too few orders.');
    const real = shop.context.dojo.searchPaymentIntents;
    let searches = 0;
    const meanwhile: typeof real = async (search) => {
      const page = await real(search);
      searches += 1;
      if (searches === 1) {
        await shop.portalRefund(one.intentId, 500);
        await shop.handAll();
      }
      return page;
    };
    Object.assign(shop.context.dojo, { searchPaymentIntents: meanwhile });
    shop.pass(minutes);
    await runReconcile(shop);
    expect((await current(shop, one.order)).status).toBe('paid');
    shop.pass(minutes);
    await runReconcile(shop);
    expect(await current(shop, one.order)).toMatchObject({ status: 'partly_refunded', returned: 500 });
  });

  test('leaves intents that are not ours alone, however many there are', async () => {
    const shop = await start();
    const { simulator } = shop;
    const till = createDojoClient({ apiUrl: simulator.url, apiKey: 'sk_sandbox_till' });
    const mine: Placed[] = [];
    for (let order = 0; order < 3; order += 1) {
      mine.push(...(await placeMany(shop, 1)));
      for (let sale = 0; sale < 800; sale += 1) {
        const amount = { value: 100, currencyCode: 'GBP' };
        await till.createPaymentIntent({ amount, reference: `till-${order}-${sale}` });
      }
    }
    await till.close();
    shop.pass(2 * minutes);
    const calls = countCalls(shop.context.dojo);
    const before = simulator.paymentIntents().filter(({ status }) => status === 'Created').length;
    await runReconcile(shop);
    expect(await statusesOf(shop, mine)).toEqual({ paid: 3 });
    expect(simulator.paymentIntents().filter(({ status }) => status === 'Created')).toHaveLength(before);
    // A search that shows nothing of ours is given up after as many calls as it would take to ask for each order.
    expect(totalOf(calls)).toBeLessThanOrEqual(15);
  });
});

describe('the kinds of work of the reconciler', () => {
  test('take turns: abandoned orders that need a call each do not hold up a paid one', async () => {
    const shop = await start();
    const abandoned = await placeMany(shop, 60, () => false);
    const [paid] = await placeMany(shop, 1);
    await shop.handAll();
    Object.assign(shop.context.dojo, { searchPaymentIntents: fail('invalid') });
    const asked: string[] = [];
    const real = shop.context.dojo.getPaymentIntent;
    const listening: typeof real = (id, options) => {
      asked.push(id);
      return real(id, options);
    };
    Object.assign(shop.context.dojo, { getPaymentIntent: listening });
    shop.pass(2 * minutes);
    await runReconcile(shop);
    expect(asked).toHaveLength(abandoned.length + 1);
    expect(asked.indexOf(paid?.intentId ?? '')).toBeLessThan(3);
  });

  test('go on although the record of one order cannot be read', async () => {
    const shop = await start();
    const placed = await placeMany(shop, 3);
    const others = placed.slice(0, 2);
    const broken = placed.at(2);
    const { DatabaseSync } = await import('node:sqlite');
    const database = new DatabaseSync(shop.shop.databasePath);
    const basket = rows(shop.shop, `SELECT basket FROM baskets WHERE order_id = ${broken?.order.id}`)[0]
      ?.basket;
    const write = database.prepare('UPDATE baskets SET basket = ? WHERE order_id = ?');
    write.run('{}', broken?.order.id ?? 0);
    Object.assign(shop.context.dojo, { searchPaymentIntents: fail('invalid') });
    shop.pass(2 * minutes);
    await runReconcile(shop);
    expect(await statusesOf(shop, others)).toEqual({ paid: 2 });
    expect(logged(shop, 'orderCheckFailed')).toHaveLength(1);
    write.run(String(basket), broken?.order.id ?? 0);
    database.close();
  });

  test('slow down after a 429, and recover', async () => {
    const shop = await start();
    await placeMany(shop, 60, () => false);
    const { getPaymentIntent } = shop.context.dojo;
    const askedAt: number[] = [];
    let refusals = 1;
    const limited: typeof getPaymentIntent = (id, options) => {
      askedAt.push(shop.now().getTime());
      refusals -= 1;
      return refusals >= 0 ? fail('rate-limited')() : getPaymentIntent(id, options);
    };
    const unusable = () => {
      askedAt.push(shop.now().getTime());
      return fail('invalid')();
    };
    Object.assign(shop.context.dojo, { getPaymentIntent: limited, searchPaymentIntents: unusable });
    shop.pass(2 * minutes);
    expect((await runReconcile(shop)).stoppedBy?.kind).toBe('rate-limited');
    const before = askedAt.length;
    await runReconcile(shop);
    const gaps = askedAt.slice(1).map((at, index) => at - (askedAt[index] ?? 0));
    expect(Math.max(...gaps.slice(0, before - 1))).toBe(500);
    expect(Math.max(...gaps)).toBeGreaterThan(900);
    expect(gaps.at(-1)).toBe(500);
  });

  test('share the searches for the intents of an outage', async () => {
    const shop = await start();
    const create = shop.context.dojo.createPaymentIntent;
    const lost: typeof create = async (...args) => {
      await create(...args);
      throw new DojoError('timeout', 'The answer was lost.');
    };
    Object.assign(shop.context.dojo, { createPaymentIntent: lost });
    for (let order = 0; order < 60; order += 1) {
      await shop.place(`key-${order}`);
      shop.pass(seconds);
    }
    expect(shop.simulator.paymentIntents()).toHaveLength(120);
    shop.pass(minutes);
    const calls = countCalls(shop.context.dojo);
    expect((await runReconcile(shop)).orphans).toBe(120);
    expect(new Set(shop.simulator.paymentIntents().map(({ status }) => status))).toEqual(
      new Set(['Canceled']),
    );
    // Each is canceled and read again; two pages show them all, and two searches look for payments and refunds.
    expect(calls).toMatchObject({ cancelPaymentIntent: 120, getPaymentIntent: 120 });
    expect(calls.searchPaymentIntents).toBeLessThanOrEqual(4);
  });

  test('wait for more orders to share a search when many are due, and never for long', async () => {
    const shop = await start();
    await placeMany(shop, 30);
    await shop.handAll();
    const patient = () => reconcile(shop.context, 'patient', { isPatient: true });
    shop.pass(minutes);
    expect((await patient()).orders).toBe(0);
    shop.pass(9 * minutes);
    expect((await patient()).orders).toBe(30);
    await placeMany(shop, 5);
    await shop.handAll();
    shop.pass(minutes);
    expect((await patient()).orders).toBe(5);
  });
});
