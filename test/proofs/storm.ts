import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import type { PricedBasket } from '../../src/shop/basket.ts';
import { createOrderId, createToken, type Order, referenceOf } from '../../src/shop/order.ts';
import { openStore } from '../../src/store/open-store.ts';
import { startPostgres } from '../support/postgres.ts';
import { freePort } from '../support/program.ts';
import { createRandom, type Random } from '../support/random.ts';
import { sign } from '../support/webhook.ts';
import { startPretendDojo } from './pretend-dojo.ts';
import { startServer } from './server.ts';
import { auditStorm } from './storm-audit.ts';
import { type Delivery, type PlannedOrder, planStorm } from './storm-plan.ts';

// Everything that Dojo, a bad line and a forger can send, at once, over many connections. Compares what the shop makes of it
// with what the pure functions of the trade make of the events sent.

export type StormOptions = {
  readonly deliveries: number;
  readonly seed: number;
  readonly postgres?: boolean;
};

export type StormReport = {
  readonly orders: number;
  readonly deliveries: number;
  readonly events: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly forged: number;
  readonly unknownIntents: number;
  /** How often each status code was answered. */
  readonly answers: Readonly<Record<string, number>>;
  readonly statuses: Readonly<Record<string, number>>;
  readonly held: number;
  readonly fulfilments: number;
  readonly preparedInSeconds: number;
  readonly seconds: number;
  readonly deliveriesPerSecond: number;
  /** Milliseconds from the start of a delivery to the end of its answer. */
  readonly p50: number;
  readonly p99: number;
  readonly slowest: number;
  readonly wrong: readonly string[];
};

const connections = 64;
const atOnce = 1_000;

export async function storm({ deliveries, seed, ...options }: StormOptions): Promise<StormReport> {
  const random = createRandom(seed);
  const folder = mkdtempSync(join(tmpdir(), 'storm-'));
  const databasePath = join(folder, 'orders.db');
  const postgres = options.postgres === true ? await startPostgres() : null;
  const databaseUrl = (await postgres?.createDatabase()) ?? `sqlite:${databasePath}`;
  const dojo = await startPretendDojo(seed);
  const port = await freePort();
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections });
  const server = { running: null as ReturnType<typeof startServer> | null };
  try {
    const plan = planStorm(deliveries, random);
    const preparingAt = performance.now();
    const prepared = await prepareOrders(databaseUrl, plan.orders, random);
    const preparedInSeconds = seconds(preparingAt);

    const env = { DOJO_API_URL: dojo.url, DATABASE_URL: databaseUrl };
    server.running = startServer({ port, folder, databasePath, env });
    await server.running.ready;
    const stormingAt = performance.now();
    const sent = await deliver(pool, plan.deliveries);
    const took = seconds(stormingAt);
    await pool.close();
    await server.running.stop();

    const audited = await auditStorm(databaseUrl, prepared, plan.events);
    const latencies = sent.latencies.sort((a, b) => a - b);
    const quantile = (share: number): number =>
      Math.round(latencies[Math.floor((latencies.length - 1) * share)] ?? 0);
    return {
      orders: prepared.length,
      deliveries: plan.deliveries.length,
      events: plan.events.length,
      duplicates: plan.duplicates,
      reordered: plan.reordered,
      forged: plan.forged,
      unknownIntents: plan.unknownIntents,
      answers: sent.answers,
      ...audited.counts,
      preparedInSeconds,
      seconds: took,
      deliveriesPerSecond: Math.round(plan.deliveries.length / took),
      p50: quantile(0.5),
      p99: quantile(0.99),
      slowest: quantile(1),
      wrong: [...sent.wrong, ...audited.wrong],
    };
  } finally {
    await server.running?.kill();
    await pool.destroy();
    await dojo.close();
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const basket: PricedBasket = {
  lines: [
    {
      sku: 'mug',
      name: 'Mug',
      picture: 'products/mug.svg',
      pictureAlt: 'A mug',
      unitPrice: 1_000,
      quantity: 1,
      lineTotal: 1_000,
    },
  ],
  goods: 1_000,
  delivery: { caption: 'Delivery', amount: 395 },
  vatRatePercent: 20,
  vat: 233,
  total: 1_395,
  currencyCode: 'GBP',
};

/** Orders that await payment, placed through the store's own contract. */
async function prepareOrders(
  databaseUrl: string,
  planned: readonly PlannedOrder[],
  random: Random,
): Promise<Order[]> {
  const store = await openStore(databaseUrl);
  // A day ahead, so that the shop does not reconcile them during the storm.
  const begin = Date.now() + 86_400_000;
  try {
    const prepare = async ({ intentId, orphanIntentId }: PlannedOrder, index: number): Promise<Order> => {
      const now = new Date(begin + index);
      const leaseUntil = new Date(now.getTime() + 15_000);
      const start = { createdAt: now, leaseUntil, captureMode: 'Auto' as const };
      const id = createOrderId(now, random.below(4_096));
      const order = {
        id,
        reference: referenceOf(id),
        token: createToken(id, `storm-${index}`.padEnd(24, 'x')),
        checkoutKey: `storm-${index}`,
        shopperId: 'shopper-of-the-storm',
        basket,
        createdAt: now,
      };
      const placed = await store.placeOrder(order, start);
      if (placed.kind !== 'placed') throw new Error(`No order could be placed: ${placed.kind}`);
      let attempt = 1;
      if (orphanIntentId !== null) {
        const end = { state: 'mismatched', paymentIntentId: orphanIntentId, nextCheckAt: null } as const;
        await store.endAttempt(id, attempt, end, now);
        const begun = await store.beginAttempt(id, start);
        if (begun.kind !== 'begun') throw new Error(`No attempt could be begun: ${begun.kind}`);
        attempt = begun.number;
      }
      const intent = {
        id: intentId,
        paymentLink: `https://pay.dojo.test/checkout/${intentId}`,
        expireAt: null,
      };
      const attached = await store.attachIntent(id, attempt, intent, now);
      const stored = await store.findOrderByToken(order.token);
      if (attached !== 'attached' || stored === null)
        throw new Error(`No intent could be attached: ${attached}`);
      return stored;
    };
    const prepared: Order[] = [];
    // No more at once than the store queues.
    for (let first = 0; first < planned.length; first += atOnce) {
      const some = planned.slice(first, first + atOnce);
      prepared.push(...(await Promise.all(some.map((order, index) => prepare(order, first + index)))));
    }
    return prepared;
  } finally {
    await store.close();
  }
}

/** One sender for each connection. It sends the next delivery as soon as the last one is answered. */
async function deliver(pool: Pool, deliveries: readonly Delivery[]) {
  const wrong: string[] = [];
  const answers: Record<string, number> = {};
  const latencies: number[] = [];
  let next = 0;
  let tick = 0;

  async function send({ event, isForged }: Delivery): Promise<void> {
    tick += 1;
    if (event.sentAt === 0) event.sentAt = tick;
    const startedAt = performance.now();
    const signature = isForged ? sign(event.body, 'bm90X3RoZV9zZWNyZXQ') : sign(event.body);
    const response = await pool.request({
      method: 'POST',
      path: '/webhooks/dojo',
      headers: { 'content-type': 'application/json', 'dojo-signature': signature },
      body: event.body,
    });
    await response.body.dump();
    latencies.push(performance.now() - startedAt);
    tick += 1;
    if (event.answeredAt === 0) event.answeredAt = tick;
    answers[response.statusCode] = (answers[response.statusCode] ?? 0) + 1;
    if (response.statusCode !== (isForged ? 401 : 200))
      wrong.push(`${event.id} was answered with ${response.statusCode}`);
  }

  async function sender(): Promise<void> {
    for (;;) {
      const delivery = deliveries[next];
      if (delivery === undefined) return;
      next += 1;
      await send(delivery);
    }
  }
  await Promise.all(Array.from({ length: connections }, () => sender()));
  return { wrong, answers, latencies };
}

function seconds(since: number): number {
  return Math.round((performance.now() - since) / 10) / 100;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      deliveries: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '7' },
      postgres: { type: 'boolean', default: false },
    },
  });
  const seed = Number(values.seed);
  const report = await storm({ deliveries: Number(values.deliveries), seed, postgres: values.postgres });
  process.stdout.write(`${JSON.stringify({ seed, ...report, wrong: report.wrong.slice(0, 20) }, null, 2)}\n`);
  process.exitCode = report.wrong.length === 0 ? 0 : 1;
}
