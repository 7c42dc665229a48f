import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { freePort } from '../support/program.ts';
import { createRandom } from '../support/random.ts';
import { sign, statusUpdate } from '../support/webhook.ts';
import {
  type Answer,
  auditCrash,
  createPurchase,
  type Delivery,
  type Placed,
  type Purchase,
} from './crash-audit.ts';
import { startPretendDojo } from './pretend-dojo.ts';
import { type ServerProcess, startServer } from './server.ts';

// Kills the real shop repeatedly under a stream of checkouts and webhooks. A client without an answer asks again, with the
// same key or the same bytes. A client with an answer never does, so that a repeat cannot heal a loss.

export type CrashOptions = { readonly kills: number; readonly seed: number; readonly shoppers: number };

export type CrashReport = {
  readonly kills: number;
  readonly killsWhileStarting: number;
  /** Requests without an answer because the shop was killed. */
  readonly requestsCut: number;
  readonly checkoutsAnswered: number;
  readonly checkoutsAskedAgain: number;
  readonly checkoutsExhausted: number;
  readonly intentsCreated: number;
  readonly eventsAnswered: number;
  readonly eventsSentAgain: number;
  readonly ordersPaid: number;
  readonly fulfilments: number;
  readonly seconds: number;
  /** What is missing, stored twice or different from the answer. Empty if the shop is never wrong. */
  readonly wrong: readonly string[];
};

export async function crash(options: CrashOptions): Promise<CrashReport> {
  const { kills, seed, shoppers } = options;
  const startedAt = performance.now();
  const random = createRandom(seed);
  const folder = mkdtempSync(join(tmpdir(), 'crash-'));
  const databasePath = join(folder, 'orders.db');
  const dojo = await startPretendDojo(seed);
  const port = await freePort();
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 32 });
  const bus = new EventEmitter().setMaxListeners(0);

  const wrong: string[] = [];
  const purchases: Purchase[] = [];
  const unanswered: Purchase[] = [];
  const deliveries: Delivery[] = [];
  const waiting: Delivery[] = [];
  let answers = 0;
  let requestsCut = 0;
  let killsWhileStarting = 0;
  let isClosing = false;
  let isOver = false;
  let open = Promise.withResolvers<void>();
  let server: ServerProcess | null = null;

  const launch = (): ServerProcess => {
    if (isOver) throw new Error('The proof is over.');
    server = startServer({ port, folder, databasePath, env: { DOJO_API_URL: dojo.url } });
    return server;
  };

  /** Null if no answer came. Waits while the shop is down. */
  async function post(path: string, headers: Record<string, string>, body: string): Promise<Answer | null> {
    await open.promise;
    if (isOver) throw new Error('The proof is over.');
    try {
      const response = await pool.request({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json', ...headers },
        body,
      });
      const text = await response.body.text();
      answers += 1;
      return { status: response.statusCode, location: String(response.headers.location ?? ''), text };
    } catch {
      requestsCut += 1;
      return null;
    } finally {
      bus.emit('change');
    }
  }

  /** True if the shopper need not ask again. */
  async function checkOut(purchase: Purchase): Promise<boolean> {
    purchase.tries += 1;
    const answer = await post('/checkout', { 'idempotency-key': purchase.key }, purchase.body);
    // 503 means that the same key may try again later: an attempt cut by a kill stays under way for its whole lease.
    if (answer === null || answer.status === 503) return false;
    if (answer.status === 409 && answer.text.includes('exhausted') && purchase.tries > 3) {
      purchase.isExhausted = true;
      return true;
    }
    if (answer.status !== 201) {
      wrong.push(`checkout ${purchase.key} was answered with ${answer.status}: ${answer.text}`);
      purchase.isExhausted = true;
      return true;
    }
    purchase.answer = answer;
    if (purchase.isDoubleClick) await askAgain(purchase, answer);
    const { paymentIntentId } = JSON.parse(answer.text) as Placed;
    const { events } = purchase.story;
    const last = events.at(-1);
    if (last !== undefined) dojo.setStatus(paymentIntentId, last);
    for (const status of events) waiting.push(createDelivery(paymentIntentId, status, purchase.isRepeated));
    return true;
  }

  async function askAgain(purchase: Purchase, answer: Answer): Promise<void> {
    for (;;) {
      const again = await post('/checkout', { 'idempotency-key': purchase.key }, purchase.body);
      if (again === null) continue;
      if (again.status !== 201 || again.text !== answer.text)
        wrong.push(`checkout ${purchase.key} got another answer: ${again.status} ${again.text}`);
      return;
    }
  }

  function createDelivery(paymentIntentId: string, paymentStatus: string, isRepeated: boolean): Delivery {
    const body = statusUpdate({ paymentIntentId, paymentStatus }, { id: `evt_${deliveries.length + 1}` });
    const digest = createHash('sha256').update(body).digest('hex');
    const delivery: Delivery = { body, digest, isRepeated, tries: 0, isAnswered: false };
    deliveries.push(delivery);
    return delivery;
  }

  async function deliver(delivery: Delivery): Promise<void> {
    for (;;) {
      delivery.tries += 1;
      const answer = await post('/webhooks/dojo', { 'dojo-signature': sign(delivery.body) }, delivery.body);
      if (answer === null) continue;
      if (answer.status !== 200) wrong.push(`${delivery.body} was answered with ${answer.status}`);
      delivery.isAnswered = true;
      if (!delivery.isRepeated) return;
      delivery.isRepeated = false;
    }
  }

  async function shopper(): Promise<void> {
    while (!isClosing) {
      const purchase = createPurchase(seed, purchases.length);
      purchases.push(purchase);
      if (!(await checkOut(purchase))) unanswered.push(purchase);
    }
  }

  async function returningShopper(): Promise<void> {
    while (!isClosing) {
      const purchase = unanswered.shift();
      if (purchase === undefined) await new Promise((resolve) => bus.once('change', resolve));
      else if (!(await checkOut(purchase))) unanswered.push(purchase);
    }
  }

  async function courier(name: number): Promise<void> {
    for (let number = 1; !isClosing; number += 1) {
      // A second, endless stream: intents without an order.
      await deliver(waiting.shift() ?? createDelivery(`pi_unknown_${name}_${number}`, 'Captured', false));
    }
  }

  const answersReach = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (answers < count) return;
        bus.off('change', look);
        resolve();
      };
      bus.on('change', look);
      look();
    });

  async function killAgainAndAgain(): Promise<void> {
    for (let kill = 1; kill <= kills; kill += 1) {
      const running = launch();
      // The first kill comes while the shop creates its tables.
      if (kill === 1 || random.chance(0.1)) {
        killsWhileStarting += 1;
        await sleep(random.below(400));
      } else {
        await running.ready;
        open.resolve();
        const ended = running.exited.then(() => {
          throw new Error(`The shop ended by itself:\n${running.output()}`);
        });
        await Promise.race([answersReach(answers + 1 + random.below(150)), ended]);
        await sleep(random.below(15));
        open = Promise.withResolvers();
      }
      await running.kill();
    }
  }

  async function finish(clients: readonly Promise<void>[]): Promise<void> {
    isClosing = true;
    const last = launch();
    await last.ready;
    open.resolve();
    bus.emit('change');
    await Promise.all(clients);
    await Promise.all(
      unanswered.map(async (purchase) => {
        while (!(await checkOut(purchase)));
      }),
    );
    await Promise.all(waiting.map(deliver));
    await askForEverythingAgain();
    await last.stop();
  }

  /** For an order that can still be paid the answer is the same; for any other it leads to the order's page. */
  async function askForEverythingAgain(): Promise<void> {
    for (const purchase of purchases) {
      if (purchase.answer === null) continue;
      if (purchase.story.status === 'awaiting_payment') await askAgain(purchase, purchase.answer);
      else {
        const again = await post('/checkout', { 'idempotency-key': purchase.key }, purchase.body);
        const { orderUrl } = JSON.parse(purchase.answer.text) as Placed;
        if (again?.status !== 303 || again.location !== orderUrl)
          wrong.push(`checkout ${purchase.key} does not lead to its order: ${again?.status}`);
      }
    }
  }

  try {
    const clients = [
      ...Array.from({ length: shoppers }, () => shopper()),
      ...Array.from({ length: 12 }, () => returningShopper()),
      ...Array.from({ length: 4 }, (_, name) => courier(name)),
    ];
    // An error of a client surfaces when the client is awaited.
    for (const client of clients) client.catch(() => undefined);
    await withinLimit(60_000 + kills * 4_000, async () => {
      await killAgainAndAgain();
      await finish(clients);
    });
    const audited = auditCrash(databasePath, purchases, deliveries);
    return {
      kills,
      killsWhileStarting,
      requestsCut,
      checkoutsAnswered: purchases.filter(({ answer }) => answer !== null).length,
      checkoutsAskedAgain: purchases.filter(({ tries }) => tries > 1).length,
      checkoutsExhausted: purchases.filter(({ isExhausted }) => isExhausted).length,
      intentsCreated: dojo.created(),
      eventsAnswered: deliveries.filter(({ isAnswered }) => isAnswered).length,
      eventsSentAgain: deliveries.filter(({ tries }) => tries > 1).length,
      ordersPaid: audited.ordersPaid,
      fulfilments: audited.fulfilments,
      seconds: Math.round((performance.now() - startedAt) / 1000),
      wrong: [...wrong, ...audited.wrong],
    };
  } finally {
    isClosing = true;
    isOver = true;
    await (server as ServerProcess | null)?.kill();
    await pool.destroy();
    await dojo.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function withinLimit(limitMs: number, work: () => Promise<void>): Promise<void> {
  const timer = new AbortController();
  const limit = sleep(limitMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`The proof did not end within ${limitMs} ms.`);
  });
  limit.catch(() => undefined);
  try {
    await Promise.race([work(), limit]);
  } finally {
    timer.abort();
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '100' },
      seed: { type: 'string', default: '7' },
      shoppers: { type: 'string', default: '3' },
    },
  });
  const report = await crash({
    kills: Number(values.kills),
    seed: Number(values.seed),
    shoppers: Number(values.shoppers),
  });
  process.stdout.write(
    `${JSON.stringify({ seed: Number(values.seed), ...report, wrong: report.wrong.slice(0, 20) }, null, 2)}\n`,
  );
  // Clients that still wait for the shop would keep the process alive.
  process.exit(report.wrong.length === 0 ? 0 : 1);
}
