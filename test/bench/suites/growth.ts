import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ReceivedEvent } from '../../../src/shop/order-events.ts';
import { openStore } from '../../../src/store/open-store.ts';
import type { OrderStore } from '../../../src/store/order-store.ts';
import { readTokens } from '../audit.ts';
import { fillStore, openSqliteBulk, type Past } from '../fill.ts';
import { intentIdOf } from '../names.ts';
import { readPostgresTokens, startBenchPostgres } from '../postgres.ts';
import { figure, median } from '../stats.ts';
import { type Aim, atMost, type Bench, type Report } from '../suite.ts';

// What each operation of the store costs with few and with many orders, in turn over all sizes. It calls the store itself, since
// HTTP would hide the growth.

type Act = 'webhook' | 'webhookInGroup' | 'orderPage';
type Shelf = {
  readonly store: OrderStore;
  readonly tokens: readonly string[];
  used: number;
};
type Micros = Record<Act, number>;

const titles: Readonly<Record<Act, string>> = {
  webhook: 'a webhook, alone in its commit',
  webhookInGroup: 'a webhook among 64 at once',
  orderPage: 'the order of an order page',
};
const inGroup = 64;

/** Makes a database with this past. Returns its address and the tokens of some of its orders. */
type Fill = (past: Past) => Promise<{ url: string; tokens: readonly string[] }>;

const tokenCount = 2_000;

export async function growth(bench: Bench): Promise<Report> {
  const folder = join(bench.folder, 'growth');
  mkdirSync(folder);
  const sqlite = await grow(bench, 'SQLite', async (past) => {
    const path = join(folder, `${past.paid}.db`);
    await fillStore(`sqlite:${path}`, past, openSqliteBulk);
    return { url: `sqlite:${path}`, tokens: readTokens(path, tokenCount) };
  });
  rmSync(folder, { recursive: true });
  const server = await startBenchPostgres();
  try {
    const postgres = await grow(bench, 'PostgreSQL', async (past) => {
      const url = await server.fill(past);
      return { url, tokens: await readPostgresTokens(url, tokenCount) };
    });
    return {
      tables: [...sqlite.tables, ...postgres.tables],
      aims: [...sqlite.aims, ...postgres.aims],
      figures: { sqlite: sqlite.figures, postgres: postgres.figures },
    };
  } finally {
    await server.stop();
  }
}

async function grow(bench: Bench, database: string, fill: Fill): Promise<Report> {
  const sizes = bench.isQuick ? [100, 1_000] : [1e3, 1e5, 1e6, ...(bench.hasTenMillion ? [1e7] : [])];
  const counts = bench.isQuick ? { alone: 20, groups: 2 } : { alone: 300, groups: 30 };
  // A first round warms up.
  const rounds = bench.rounds + 1;
  const awaiting = rounds * (counts.alone + counts.groups * inGroup);
  const shelves: Shelf[] = [];
  const turns: Micros[][] = [];
  try {
    for (const size of sizes) {
      const { url, tokens } = await fill({ paid: size, awaiting });
      shelves.push({ store: await openStore(url), tokens, used: 0 });
    }
    for (let round = 0; round < rounds; round += 1) {
      const turn: Micros[] = [];
      for (const shelf of shelves) turn.push(await measure(shelf, counts));
      if (round > 0) turns.push(turn);
    }
  } finally {
    for (const { store } of shelves) await store.close();
  }
  return reportOf(database, sizes, turns);
}

async function measure(shelf: Shelf, counts: { alone: number; groups: number }): Promise<Micros> {
  const { store, tokens } = shelf;
  const alone = await microsOf(newEvents(shelf, counts.alone).map((event) => () => record(store, event)));
  const groups = Array.from({ length: counts.groups }, () => newEvents(shelf, inGroup));
  const together = await microsOf(
    groups.map((events) => () => Promise.all(events.map((event) => record(store, event)))),
  );
  const orderPage = await microsOf(
    tokens.map((token) => async () => {
      if ((await store.findOrderByToken(token)) === null) throw new Error(`There is no order ${token}.`);
    }),
  );
  return { webhook: alone, webhookInGroup: together / inGroup, orderPage };
}

async function record(store: OrderStore, event: ReceivedEvent): Promise<void> {
  const [recorded] = await store.recordEvents([event]);
  if (recorded?.kind !== 'applied') throw new Error(`An event was ${recorded?.kind}.`);
}

/** The median time of one operation, run one after another. */
async function microsOf(works: readonly (() => Promise<unknown>)[]): Promise<number> {
  const micros: number[] = [];
  for (const work of works) {
    const startedAt = performance.now();
    await work();
    micros.push((performance.now() - startedAt) * 1000);
  }
  return median(micros);
}

/** Each about an order that awaits payment. */
function newEvents(shelf: Shelf, count: number): ReceivedEvent[] {
  return Array.from({ length: count }, () => {
    const number = shelf.used++;
    const receivedAt = new Date();
    const body = Buffer.from(JSON.stringify({ id: `evt_growth_${number}`, text: 'x'.repeat(200) }));
    return {
      eventId: `evt_growth_${number}`,
      event: 'payment_intent.status_updated',
      paymentIntentId: intentIdOf(number),
      paymentStatus: 'Captured',
      body,
      digest: createHash('sha256').update(body).digest(),
      secret: 'whs_bench',
      receivedAt,
    };
  });
}

function reportOf(database: string, sizes: readonly number[], turns: readonly (readonly Micros[])[]): Report {
  const acts = Object.keys(titles) as Act[];
  const microsAt = (act: Act, place: number) => median(turns.map((turn) => turn[place]?.[act] ?? Number.NaN));
  const growthAt = (act: Act, place: number) =>
    median(turns.map((turn) => (turn[place]?.[act] ?? Number.NaN) / (turn[0]?.[act] ?? Number.NaN)));
  const aims: Aim[] = sizes.flatMap((size, place) =>
    place === 0
      ? []
      : acts.map((act) =>
          atMost(
            `${database}, ${titles[act]}: ${figure(size)} orders against ${figure(sizes[0] ?? 0)}`,
            growthAt(act, place),
            size > 1e6 ? 1.5 : 1.3,
          ),
        ),
  );
  return {
    tables: [
      {
        title: `Growth: µs on ${database}`,
        head: ['orders', ...acts.map((act) => titles[act])],
        rows: sizes.map((size, place) => [figure(size), ...acts.map((act) => figure(microsAt(act, place)))]),
      },
    ],
    aims,
    figures: turns,
  };
}
