import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pino } from 'pino';
import { placeOrder } from '../../../src/checkout/place-order.ts';
import { reconcile } from '../../../src/checkout/reconcile.ts';
import { parseConfig } from '../../../src/config.ts';
import { type Context, openContext } from '../../../src/context.ts';
import { schedule } from '../../../src/shop/schedule.ts';
import { createSimulator, type Simulator } from '../../../src/simulator/create-simulator.ts';
import { type Clock, createClock } from '../../../src/simulator/state/clock.ts';
import { secrets } from '../names.ts';
import { figure } from '../stats.ts';
import { atLeast, atMost, type Bench, type Report } from '../suite.ts';

// The reconciler against the simulator, on one clock that it moves by its pauses: how many calls an order costs, and how many
// orders a minute it can do at two calls a second. Shoppers check out at an even rate, and pay after 90 seconds on average.

const minute = 60_000;
const day = 24 * 60 * minute;
const perMinute = 2_000;
const callsPerMinute = 120;

type Scene = {
  readonly context: Context;
  readonly simulator: Simulator;
  readonly clock: Clock;
  readonly databasePath: string;
  /** Searches for unpaid orders, and for those with money. */
  readonly calls: { unpaid: number; paid: number; get: number };
  close(): Promise<void>;
};
type Purchase = { readonly placeAt: number; readonly payAt: number; intentId: string };

export async function reconciling(bench: Bench): Promise<Report> {
  const folder = join(bench.folder, 'reconcile');
  mkdirSync(folder);
  const count = bench.isQuick ? 300 : 20_000;
  const heard = await measureHeard(folder, count);
  const unheard = await measureUnheard(folder, bench.isQuick ? 300 : 10_000);
  const rows = [
    ['open orders, webhooks came', figure(heard.openChecks), figure(callsPerMinute / heard.openChecks)],
    ['first pass', figure(heard.firstPass), figure(callsPerMinute / heard.firstPass)],
    ['all passes', figure(heard.allPasses), figure(callsPerMinute / heard.allPasses)],
    ['all of it', figure(heard.all), figure(callsPerMinute / heard.all)],
    ['no webhook ever', figure(unheard.callsPerOrder), figure(callsPerMinute / unheard.callsPerOrder)],
  ];
  return {
    tables: [
      {
        title: 'Reconciling: calls to Dojo an order, and orders a minute at two calls a second',
        head: ['work', 'calls an order', 'orders a minute'],
        rows,
      },
    ],
    aims: [
      atMost('reconciling, calls an order in the first pass', heard.firstPass, 0.02),
      atMost('reconciling, calls an order in all passes', heard.allPasses, 0.06),
      atMost('no webhooks: minutes from a payment until it is known', unheard.minutes, 10),
      atLeast('reconciling, pages of a hundred rows a second, if Dojo allowed it', heard.callsPerSecond, 2),
    ],
    figures: { heard, unheard },
  };
}

async function measureHeard(folder: string, count: number) {
  const scene = await openScene(join(folder, 'heard.db'));
  try {
    const purchases = plan(scene.clock, count);
    const { calls, clock } = scene;
    const world = createWorld(scene, purchases, true);
    const context = { ...scene.context, sleep: world.pass };
    const until = (purchases.at(-1)?.payAt ?? 0) + 8 * minute;
    while (clock.now().getTime() < until) {
      await reconcile(context, 'bench', { isPatient: true });
      await world.pass(schedule.reconcile);
    }
    const openChecks = calls.unpaid / count;
    const firstPass = (calls.paid + calls.get) / count;
    const before = total(calls);
    let busyMs = 0;
    for (const pass of [1, 7, 30, 90]) {
      clock.set(new Date(until + pass * day + 60 * minute));
      const startedAt = performance.now();
      await reconcile(context, 'bench');
      busyMs += performance.now() - startedAt;
    }
    if (readPaid(scene).length !== count) throw new Error('Some orders are not paid.');
    const all = total(calls) / count;
    return {
      openChecks,
      firstPass,
      allPasses: all - openChecks,
      all,
      callsPerSecond: ((total(calls) - before) * 1_000) / busyMs,
    };
  } finally {
    await scene.close();
  }
}

/** Everything is paid, and the shop finds out by itself. */
async function measureUnheard(folder: string, count: number) {
  const scene = await openScene(join(folder, 'unheard.db'));
  try {
    const purchases = plan(scene.clock, count);
    const world = createWorld(scene, purchases, false);
    const context = { ...scene.context, sleep: world.pass };
    const until = (purchases.at(-1)?.payAt ?? 0) + 12 * minute;
    while (scene.clock.now().getTime() < until) {
      await reconcile(context, 'bench', { isPatient: true });
      await world.pass(schedule.reconcile);
    }
    const payAt = new Map(purchases.map((purchase) => [purchase.intentId, purchase.payAt]));
    const lateMs = readPaid(scene).map(({ intentId, paidAt }) => paidAt - (payAt.get(intentId) ?? 0));
    if (lateMs.length !== count) throw new Error(`Of ${count} orders ${lateMs.length} are paid.`);
    return { callsPerOrder: total(scene.calls) / count, minutes: Math.max(...lateMs) / minute };
  } finally {
    await scene.close();
  }
}

/** In the order of the payments. */
function plan(clock: Clock, count: number): Purchase[] {
  const startAt = clock.now().getTime();
  return Array.from({ length: count }, (_, index) => {
    const placeAt = startAt + (index * minute) / perMinute;
    // Evenly over an exponential distribution, with steps that do not follow the order of the checkouts.
    const share = ((index * 7_919) % count) / count;
    return { placeAt, payAt: placeAt + Math.min(-Math.log(1 - share) * 90_000, 50 * minute), intentId: '' };
  }).sort((one, other) => one.payAt - other.payAt);
}

/** What shoppers, and Dojo's webhooks, do while time passes. */
function createWorld(scene: Scene, purchases: readonly Purchase[], hasWebhooks: boolean) {
  const { context, clock, simulator } = scene;
  const acts = purchases
    .flatMap((purchase, index) => [
      { at: purchase.placeAt, act: () => place(context, purchase, index) },
      {
        at: purchase.payAt,
        act: async () => {
          await pay(simulator, purchase.intentId);
          if (hasWebhooks) await hear(context, purchase.intentId);
        },
      },
    ])
    .sort((one, other) => one.at - other.at);
  let next = 0;
  return {
    async pass(ms: number): Promise<void> {
      const to = clock.now().getTime() + ms;
      for (let each = acts[next]; each !== undefined && each.at <= to; each = acts[next]) {
        next += 1;
        clock.set(new Date(Math.max(each.at, clock.now().getTime())));
        await each.act();
      }
      clock.set(new Date(to));
    },
  };
}

async function place(context: Context, purchase: Purchase, index: number): Promise<void> {
  const items = [{ sku: 'hearth-mug', quantity: 1 }];
  const placed = await placeOrder(context, { items, checkoutKey: `bench-${index}`, shopperId: 'bench' });
  if (placed.kind !== 'ready') throw new Error(`An order is ${placed.kind}.`);
  purchase.intentId = placed.paymentIntentId;
}

const card = { cardNumber: '5200000000001005', securityCode: '020', expiryDate: '12/29', nameOnCard: 'Ada' };

async function pay(simulator: Simulator, intentId: string): Promise<void> {
  const body = new URLSearchParams(card);
  const url = `${simulator.url}/checkout/${intentId}`;
  const response = await fetch(url, { method: 'POST', redirect: 'manual', body });
  await response.arrayBuffer();
  if (response.status !== 303) throw new Error(`A payment was answered ${response.status}.`);
}

async function hear({ store, now }: Context, paymentIntentId: string): Promise<void> {
  const eventId = `evt_${paymentIntentId}`;
  const body = Buffer.from(JSON.stringify({ eventId }));
  const digest = createHash('sha256').update(body).digest();
  const event = 'payment_intent.status_updated';
  const said = { eventId, event, paymentIntentId, paymentStatus: 'Captured' };
  await store.recordEvents([{ ...said, body, digest, secret: 'whs_bench', receivedAt: now() }]);
}

async function openScene(databasePath: string): Promise<Scene> {
  const clock = createClock({ startAt: new Date('2026-11-22T10:00:01Z'), isStopped: true });
  const simulator = await createSimulator({ clock });
  const env = {
    DOJO_API_KEY: secrets.apiKey,
    DOJO_API_URL: simulator.url,
    DOJO_CHECKOUT_ORIGIN: simulator.publicUrl,
    DATABASE_URL: `sqlite:${databasePath}`,
  };
  const { context: opened, close } = await openContext(parseConfig(env), pino({ level: 'silent' }), {
    dojo: { now: () => clock.now().getTime() },
  });
  const calls = { unpaid: 0, paid: 0, get: 0 };
  const { dojo } = opened;
  const context: Context = {
    ...opened,
    now: clock.now,
    dojo: {
      ...dojo,
      searchPaymentIntents(search) {
        calls[search.statuses?.some((status) => status === 'Captured') ? 'paid' : 'unpaid'] += 1;
        return dojo.searchPaymentIntents(search);
      },
      getPaymentIntent(id, options) {
        calls.get += 1;
        return dojo.getPaymentIntent(id, options);
      },
    },
  };
  return {
    context,
    simulator,
    clock,
    databasePath,
    calls,
    async close() {
      await close();
      await simulator.close();
    },
  };
}

function readPaid({ databasePath }: Scene): { intentId: string; paidAt: number }[] {
  const database = new DatabaseSync(databasePath, { readOnly: true });
  const sql = `SELECT payment_intent_id AS intentId, paid_at AS paidAt FROM orders JOIN attempts ON order_id = id
    WHERE status = 'paid' AND holds = ''`;
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => ({ intentId: String(row.intentId), paidAt: Number(row.paidAt) }));
  } finally {
    database.close();
  }
}

function total({ unpaid, paid, get }: Scene['calls']): number {
  return unpaid + paid + get;
}
