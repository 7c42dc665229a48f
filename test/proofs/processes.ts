import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { request } from 'undici';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { freePort } from '../support/program.ts';
import { createRandom } from '../support/random.ts';
import { sign, statusUpdate } from '../support/webhook.ts';
import { createPurchase, type Placed, type Purchase } from './crash-audit.ts';
import { startPretendDojo } from './pretend-dojo.ts';
import { auditProcesses } from './processes-audit.ts';
import { type LoopDelay, type ServerProcess, startServer } from './server.ts';

// Several real shops on one database. Shoppers and webhooks come to any of them, often to two at once.
// With faults, the database server is killed halfway and restarted, and later one of the shops is killed.

export type ProcessesOptions = {
  readonly database: 'sqlite' | 'postgres';
  readonly shops: number;
  readonly purchases: number;
  readonly seed: number;
  readonly faults: boolean;
};

export type ProcessesReport = {
  readonly checkoutsAnswered: number;
  /** Refused with 503 or cut by a kill. These shoppers were promised nothing. */
  readonly checkoutsFailed: number;
  readonly eventsAnswered: number;
  readonly eventsSentAgain: number;
  /** How often each status code was answered. */
  readonly answers: Readonly<Record<string, number>>;
  readonly requestsCut: number;
  /** From the kill of the database server until every shop can write again; null without faults. */
  readonly recoveredInMs: number | null;
  readonly ordersPaid: number;
  readonly fulfilments: number;
  readonly loopDelays: readonly LoopDelay[];
  readonly p50: number;
  readonly p99: number;
  readonly requestsPerSecond: number;
  /** What is missing, stored twice or different from the answer. */
  readonly wrong: readonly string[];
};

export type Sent = { readonly body: string; readonly digest: string };
type Shop = { readonly origin: string; readonly process: ServerProcess; isAlive: boolean };
type Answer = { readonly status: number; readonly text: string };

const shoppers = 16;

export async function processes(options: ProcessesOptions): Promise<ProcessesReport> {
  const { seed, faults } = options;
  const random = createRandom(seed);
  const folder = mkdtempSync(join(tmpdir(), 'processes-'));
  const databasePath = join(folder, 'orders.db');
  const postgres = options.database === 'postgres' ? await startPostgres() : null;
  const databaseUrl = (await postgres?.createDatabase()) ?? `sqlite:${databasePath}`;
  const dojo = await startPretendDojo(seed);
  const shops: Shop[] = [];

  const wrong: string[] = [];
  const done: Purchase[] = [];
  const answered: Sent[] = [];
  const answers: Record<string, number> = {};
  const latencies: number[] = [];
  let started = 0;
  let failed = 0;
  let sentAgain = 0;
  let requestsCut = 0;
  let isKillDue = false;
  let open = Promise.resolve();

  const alive = (): Shop => {
    const [first, ...rest] = shops.filter((shop) => shop.isAlive);
    if (first === undefined) throw new Error('No shop is left.');
    return random.pick([first, ...rest]);
  };

  /** Null if the connection was cut. */
  async function post(path: string, headers: Record<string, string>, body: string): Promise<Answer | null> {
    const shop = alive();
    const sentAt = performance.now();
    try {
      const sent = request(shop.origin + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
      });
      if (isKillDue) {
        // With this request, and any other in flight.
        isKillDue = false;
        shop.isAlive = false;
        sent.catch(() => undefined);
        await shop.process.kill();
      }
      const response = await sent;
      const text = await response.body.text();
      latencies.push(performance.now() - sentAt);
      answers[response.statusCode] = (answers[response.statusCode] ?? 0) + 1;
      return { status: response.statusCode, text };
    } catch (error) {
      if (shop.isAlive) wrong.push(`${path} got no answer from a shop that was alive: ${error}`);
      requestsCut += 1;
      return null;
    }
  }

  async function deliver(body: string): Promise<void> {
    const headers = { 'dojo-signature': sign(body) };
    for (;;) {
      await open;
      const times = random.chance(0.3) ? 2 : 1;
      const got = await Promise.all(
        Array.from({ length: times }, () => post('/webhooks/dojo', headers, body)),
      );
      for (const answer of got) {
        if (answer !== null && ![200, 503].includes(answer.status))
          wrong.push(`${body} was answered with ${answer.status}`);
      }
      if (got.some((answer) => answer?.status === 200)) break;
      sentAgain += 1;
    }
    answered.push({ body, digest: createHash('sha256').update(body).digest('hex') });
  }

  async function checkOut(purchase: Purchase): Promise<void> {
    await open;
    const headers = { 'idempotency-key': purchase.key };
    const times = purchase.isDoubleClick ? 2 : 1;
    const got = await Promise.all(
      Array.from({ length: times }, () => post('/checkout', headers, purchase.body)),
    );
    const placed = got.filter((answer) => answer?.status === 201);
    for (const answer of got) {
      if (answer !== null && ![201, 503].includes(answer.status))
        wrong.push(`checkout ${purchase.key} was answered with ${answer.status}: ${answer.text}`);
    }
    const [first, ...others] = placed;
    if (first != null && others.some((answer) => answer != null && !isSamePayment(answer, first)))
      wrong.push(`checkout ${purchase.key} got two answers`);
    if (first == null) {
      failed += 1;
      return;
    }
    purchase.answer = { ...first, location: '' };
    done.push(purchase);
    const { paymentIntentId } = JSON.parse(first.text) as Placed;
    const { events } = purchase.story;
    const last = events.at(-1);
    if (last !== undefined) dojo.setStatus(paymentIntentId, last);
    await Promise.all(
      events.map((paymentStatus, index) =>
        deliver(statusUpdate({ paymentIntentId, paymentStatus }, { id: `evt_${purchase.key}_${index}` })),
      ),
    );
  }

  const faultsAt = new Map<number, () => Promise<void>>();
  let recoveredInMs: number | null = null;
  async function crashDatabase(server: PostgresServer): Promise<void> {
    const gate = Promise.withResolvers<void>();
    const killedAt = performance.now();
    await server.kill();
    // A client that is refused now asks again when the server is back.
    open = gate.promise;
    await server.start();
    await Promise.all(shops.filter(({ isAlive }) => isAlive).map(isReady));
    recoveredInMs = Math.round(performance.now() - killedAt);
    gate.resolve();
  }
  if (faults && postgres !== null)
    faultsAt.set(Math.floor(options.purchases / 3), () => crashDatabase(postgres));
  if (faults) {
    faultsAt.set(Math.floor((options.purchases * 2) / 3), async () => {
      isKillDue = true;
    });
  }

  async function shopper(): Promise<void> {
    while (started < options.purchases) {
      started += 1;
      const number = started;
      const fault = faultsAt.get(number)?.();
      await checkOut(createPurchase(seed, number));
      await fault;
    }
  }

  try {
    for (let index = 0; index < options.shops; index += 1) {
      const port = await freePort();
      const env = { DOJO_API_URL: dojo.url, DATABASE_URL: databaseUrl };
      const server = startServer({ port, folder, databasePath, env });
      shops.push({ origin: `http://127.0.0.1:${port}`, process: server, isAlive: true });
    }
    await Promise.all(shops.map((shop) => shop.process.ready));
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: shoppers }, () => shopper()));
    const took = (performance.now() - startedAt) / 1_000;
    const left = shops.filter((shop) => shop.isAlive);
    const loopDelays = await Promise.all(left.map((shop) => shop.process.loopDelay()));
    await Promise.all(left.map((shop) => shop.process.stop()));
    const audited = await auditProcesses(databaseUrl, done, answered);
    latencies.sort((a, b) => a - b);
    const quantile = (share: number) =>
      Math.round((latencies[Math.floor((latencies.length - 1) * share)] ?? 0) * 10) / 10;
    return {
      checkoutsAnswered: done.length,
      checkoutsFailed: failed,
      eventsAnswered: answered.length,
      eventsSentAgain: sentAgain,
      answers,
      requestsCut,
      recoveredInMs,
      ordersPaid: audited.ordersPaid,
      fulfilments: audited.fulfilments,
      loopDelays,
      p50: quantile(0.5),
      p99: quantile(0.99),
      requestsPerSecond: Math.round(latencies.length / took),
      wrong: [...wrong, ...audited.wrong],
    };
  } finally {
    await Promise.all(shops.map((shop) => shop.process.kill()));
    await dojo.close();
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Only the address of the order's page names the shop that answered. */
function isSamePayment(one: Answer, other: Answer): boolean {
  const [first, second] = [one, other].map(({ text }) => JSON.parse(text) as Placed);
  return (
    first?.reference === second?.reference &&
    first?.paymentIntentId === second?.paymentIntentId &&
    first?.paymentLink === second?.paymentLink
  );
}

/** Polls the shop until it can write. */
async function isReady(shop: Shop): Promise<void> {
  while (shop.isAlive) {
    const { statusCode, body } = await request(`${shop.origin}/readyz`).catch((error: unknown) => {
      throw new Error(`A shop is gone (${error}):\n${shop.process.output()}`);
    });
    await body.dump();
    if (statusCode === 200) return;
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      database: { type: 'string', default: 'postgres' },
      shops: { type: 'string', default: '4' },
      purchases: { type: 'string', default: '5000' },
      seed: { type: 'string', default: '7' },
      faults: { type: 'boolean', default: false },
    },
  });
  const report = await processes({
    database: values.database === 'sqlite' ? 'sqlite' : 'postgres',
    shops: Number(values.shops),
    purchases: Number(values.purchases),
    seed: Number(values.seed),
    faults: values.faults,
  });
  process.stdout.write(`${JSON.stringify({ ...report, wrong: report.wrong.slice(0, 20) }, null, 2)}\n`);
  process.exitCode = report.wrong.length === 0 ? 0 : 1;
}
