import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Acknowledged, assertDurable, assertKept, durabilityFile } from '../audit.ts';
import { fillStore, openSqliteBulk } from '../fill.ts';
import type { LoadResult } from '../load.ts';
import { assertSuccess, type Load, startLoad } from '../load-client.ts';
import { type ServerProcess, startServer } from '../processes.ts';
import type { Plan } from '../requests.ts';
import { type ShopOptions, startShop } from '../shop.ts';
import { figure, median } from '../stats.ts';
import { type Aim, atLeast, atMost, type Bench, profileArgv, type Report } from '../suite.ts';

// As many webhooks as a server takes. Every server has its turn in every round: a new process, a warm-up, the measured seconds,
// its end, and a check that its store has every acknowledged event.

export type Contestant = {
  readonly name: string;
  readonly kind: 'hello' | 'dojo-webhook' | 'stripe-webhook' | 'adyen-webhook';
  start(folder: string): Promise<ServerProcess>;
  /** Throws if an acknowledged event is missing, or commits did not wait for the disk. */
  audit?(folder: string, acknowledged: Acknowledged): Promise<void> | void;
};

export type Turn = {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
};

type Names = 'hello' | 'raw' | 'stripe' | 'adyen' | 'naive' | 'shop' | 'off';

const connections = 64;
/** How many times the rate of the warm-up to prepare requests for. */
const headroom = 1.6;

export async function intake(bench: Bench): Promise<Report> {
  // More than the fastest takes in a turn: a webhook about an order that is paid already is less work.
  const orders = bench.isQuick ? 2_000 : 250_000;
  const filled = join(bench.folder, 'filled.db');
  await fillStore(`sqlite:${filled}`, { paid: orders / 5, awaiting: orders }, openSqliteBulk);
  const contestants = contestantsOn(filled, bench);
  const turns = await takeTurns(bench, contestants, orders);
  rmSync(filled);
  return reportOf(contestants, turns);
}

function contestantsOn(filled: string, bench: Bench): Record<Names, Contestant> {
  const database = (folder: string) => join(folder, 'orders.db');
  const server = (file: string) => (folder: string) =>
    startServer({
      file: `test/bench/servers/${file}`,
      folder,
      env: { DATABASE_PATH: database(folder), BENCH_DURABILITY: durabilityFile(folder) },
    });
  const shop = (options: Partial<ShopOptions>) => (folder: string) => {
    copyFileSync(filled, database(folder));
    return startShop({ folder, databaseUrl: `sqlite:${database(folder)}`, ...options });
  };
  const audit =
    (journal: 'wal' | 'delete', synchronous: number) => (folder: string, acknowledged: Acknowledged) => {
      assertDurable(folder, journal, synchronous);
      assertKept(database(folder), acknowledged);
    };
  return {
    hello: { name: 'Express 5, "hello"', kind: 'hello', start: server('hello-express.ts') },
    raw: { name: 'node:http, "hello"', kind: 'hello', start: server('hello-raw.ts') },
    stripe: {
      name: "like Stripe's sample, nothing stored",
      kind: 'stripe-webhook',
      start: server('stripe-manner.ts'),
    },
    adyen: {
      name: "like Adyen's sample, nothing stored",
      kind: 'adyen-webhook',
      start: server('adyen-manner.ts'),
    },
    naive: {
      name: 'naive SQLite, a transaction a webhook',
      kind: 'dojo-webhook',
      start(folder) {
        copyFileSync(filled, database(folder));
        return server('naive-sqlite.ts')(folder);
      },
      audit: audit('delete', 2),
    },
    shop: {
      name: 'the shop, SQLite',
      kind: 'dojo-webhook',
      start: shop({ execArgv: profileArgv(bench) }),
      audit: audit('wal', 2),
    },
    off: {
      name: 'the shop, SQLite, synchronous=OFF',
      kind: 'dojo-webhook',
      start: shop({ isDurable: false }),
      audit: audit('wal', 0),
    },
  };
}

/** A B C A B C …, so that other load on the machine affects all of them. */
export async function takeTurns<Name extends string>(
  bench: Bench,
  contestants: Record<Name, Contestant>,
  orders: number,
): Promise<Record<Name, Turn[]>> {
  const names = Object.keys(contestants) as Name[];
  const turns = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Turn[]>;
  const load = startLoad();
  try {
    for (let round = 1; round <= bench.rounds; round += 1) {
      for (const name of names) {
        const folder = join(bench.folder, `${name}-${round}`);
        mkdirSync(folder);
        turns[name].push(await takeTurn(bench, load, { contestant: contestants[name], folder, orders }));
        rmSync(folder, { recursive: true });
      }
    }
  } finally {
    await load.stop();
  }
  return turns;
}

async function takeTurn(
  bench: Bench,
  load: Load,
  { contestant, folder, orders }: { contestant: Contestant; folder: string; orders: number },
): Promise<Turn> {
  const run = 'intake';
  const server = await contestant.start(folder);
  const flood = async (seconds: number, from: number, count: number): Promise<[LoadResult, number]> => {
    const { kind } = contestant;
    const plan: Plan = kind === 'hello' ? { kind: 'get', paths: ['/'] } : { kind, run, from, count, orders };
    await load.prepare({ port: server.port, connections, seconds, plan, pauseMs: 0 });
    const before = await server.cpuMicros();
    const result = await load.run();
    assertSuccess(result, contestant.name);
    return [result, (await server.cpuMicros()) - before];
  };
  const [warm] = await flood(bench.warmUpSeconds, 0, Math.ceil(bench.warmUpSeconds * 30_000));
  const wanted = Math.ceil(Math.max(warm.perSecond, 500) * bench.seconds * headroom);
  const [result, cpu] = await flood(bench.seconds, warm.sent, wanted);
  await server.stop();
  await contestant.audit?.(folder, { run, from: 0, count: warm.sent + result.sent });
  const { perSecond, p50Ms, p99Ms } = result;
  return { perSecond, p50Ms, p99Ms, cpuMicros: cpu / result.sent };
}

/** The median of the rounds, each compared with the other server's turn of the same round. */
export function ratioOf(turns: readonly Turn[], others: readonly Turn[]): number {
  return median(turns.map((turn, round) => turn.perSecond / (others[round]?.perSecond ?? Number.NaN)));
}

function medianOf(turns: readonly Turn[], key: keyof Turn): number {
  return median(turns.map((turn) => turn[key]));
}

export function turnRow(name: string, turns: readonly Turn[], hello: readonly Turn[]): string[] {
  const of = (key: keyof Turn) => figure(medianOf(turns, key));
  return [name, of('perSecond'), figure(ratioOf(turns, hello)), of('p50Ms'), of('p99Ms'), of('cpuMicros')];
}

export const turnHead = ['server', 'a second', 'x', 'p50 ms', 'p99 ms', 'CPU µs a request'];

function reportOf(contestants: Record<Names, Contestant>, turns: Record<Names, Turn[]>): Report {
  const names = Object.keys(turns) as Names[];
  const aims: Aim[] = [
    atLeast(
      "intake on SQLite against Stripe's manner storing nothing",
      ratioOf(turns.shop, turns.stripe),
      1.3,
    ),
    atLeast('intake on SQLite against naive SQLite', ratioOf(turns.shop, turns.naive), 35),
    atLeast('intake on SQLite against Express "hello"', ratioOf(turns.shop, turns.hello), 0.45),
    atMost(`webhook p99 at ${connections} connections, ms`, medianOf(turns.shop, 'p99Ms'), 15),
    atLeast('synchronous=FULL against OFF', ratioOf(turns.shop, turns.off), 0.9),
  ];
  return {
    tables: [
      {
        title: `Webhooks over ${connections} connections`,
        head: turnHead,
        rows: names.map((name) => turnRow(contestants[name].name, turns[name], turns.hello)),
      },
    ],
    aims,
    figures: turns,
  };
}
