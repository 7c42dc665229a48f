import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from 'pg';
import type { Acknowledged } from '../audit.ts';
import type { LoadResult } from '../load.ts';
import { assertSuccess, type Load, startLoad } from '../load-client.ts';
import {
  assertPostgresDurable,
  assertPostgresKept,
  type BenchPostgres,
  connect,
  startBenchPostgres,
} from '../postgres.ts';
import { type ServerProcess, startServer } from '../processes.ts';
import { startShop } from '../shop.ts';
import { figure, median } from '../stats.ts';
import { atLeast, atMost, type Bench, type Report } from '../suite.ts';
import { type Contestant, ratioOf, takeTurns, turnHead, turnRow } from './intake.ts';

// The same webhooks on PostgreSQL: against a naive server, and by two shops on one database. CPU counts the Node processes; the
// database server runs beside them on the same cores.

type Names = 'hello' | 'four' | 'shop';

export async function postgres(bench: Bench): Promise<Report> {
  const orders = bench.isQuick ? 1_000 : 100_000;
  const server = await startBenchPostgres();
  try {
    const filled = await server.fill({ paid: orders, awaiting: orders });
    const contestants = contestantsOn(server, filled);
    const turns = await takeTurns(bench, contestants, orders);
    const pairs = await takePairs(bench, { server, filled, orders });
    const names = Object.keys(contestants) as Names[];
    return {
      tables: [
        {
          title: 'Webhooks over 64 connections, PostgreSQL',
          head: turnHead,
          rows: [
            ...names.map((name) => turnRow(contestants[name].name, turns[name], turns.hello)),
            [
              'two shops on one PostgreSQL, 32 connections each',
              figure(median(pairs.map((pair) => pair.perSecond))),
            ],
          ],
        },
      ],
      aims: [
        atLeast('intake on PostgreSQL against Express "hello"', ratioOf(turns.shop, turns.hello), 0.38),
        atLeast('intake on PostgreSQL against four statements', ratioOf(turns.shop, turns.four), 3.5),
        atMost(
          'two shops on one PostgreSQL: samples with a wait for a lock',
          median(pairs.map((pair) => pair.lockWaits)),
          0,
        ),
      ],
      figures: { turns, pairs },
    };
  } finally {
    await server.stop();
  }
}

function contestantsOn(server: BenchPostgres, filled: string): Record<Names, Contestant> {
  let url = '';
  const audit = async (_folder: string, acknowledged: Acknowledged): Promise<void> => {
    await assertPostgresDurable(url);
    await assertPostgresKept(url, acknowledged);
    await server.drop(url);
  };
  return {
    hello: {
      name: 'Express 5, "hello"',
      kind: 'hello',
      start: (folder) => startServer({ file: 'test/bench/servers/hello-express.ts', folder }),
    },
    four: {
      name: 'PostgreSQL, four statements a webhook',
      kind: 'dojo-webhook',
      async start(folder) {
        url = await server.copy(filled);
        const file = 'test/bench/servers/four-statements.ts';
        return startServer({ file, folder, env: { DATABASE_URL: url } });
      },
      audit,
    },
    shop: {
      name: 'the shop, PostgreSQL',
      kind: 'dojo-webhook',
      async start(folder) {
        url = await server.copy(filled);
        return startShop({ folder, databaseUrl: url });
      },
      audit,
    },
  };
}

type Pair = { readonly perSecond: number; readonly lockWaits: number };
const sides = ['left', 'right'] as const;

/** Two shops, each with half of the orders, as behind a load balancer. */
async function takePairs(
  bench: Bench,
  { server, filled, orders }: { server: BenchPostgres; filled: string; orders: number },
): Promise<Pair[]> {
  const loads = sides.map(startLoad);
  const pairs: Pair[] = [];
  try {
    for (let round = 1; round <= bench.rounds; round += 1) {
      const url = await server.copy(filled);
      const folder = join(bench.folder, `pair-${round}`);
      mkdirSync(folder);
      const shops = await Promise.all(sides.map(() => startShop({ folder, databaseUrl: url })));
      pairs.push(await takePair(bench, { url, shops, loads, orders }));
      await server.drop(url);
      rmSync(folder, { recursive: true });
    }
  } finally {
    await Promise.all(loads.map((load) => load.stop()));
  }
  return pairs;
}

async function takePair(
  bench: Bench,
  pair: { url: string; shops: readonly ServerProcess[]; loads: readonly Load[]; orders: number },
): Promise<Pair> {
  const { url, shops, loads, orders } = pair;
  const sent = sides.map(() => 0);
  const flood = async (seconds: number): Promise<LoadResult[]> => {
    const results = await Promise.all(
      loads.map(async (load, side) => {
        const run = sides[side] ?? '';
        // The second starts halfway through the orders.
        const from = (sent[side] ?? 0) + side * Math.floor(orders / 2);
        const plan = { kind: 'dojo-webhook', run, from, count: Math.ceil(seconds * 12_000), orders } as const;
        await load.prepare({ port: shops[side]?.port ?? 0, connections: 32, seconds, plan, pauseMs: 0 });
        return load;
      }),
    ).then((prepared) => Promise.all(prepared.map((load) => load.run())));
    for (const [side, result] of results.entries()) {
      assertSuccess(result, 'two shops');
      sent[side] = (sent[side] ?? 0) + result.sent;
    }
    return results;
  };
  await flood(bench.warmUpSeconds);
  const watch = watchLocks(await connect(url));
  const results = await flood(bench.seconds);
  const lockWaits = await watch.end();
  await Promise.all(shops.map((shop) => shop.stop()));
  await assertPostgresDurable(url);
  for (const [side, run] of sides.entries()) {
    const from = side * Math.floor(orders / 2);
    await assertPostgresKept(url, { run, from, count: sent[side] ?? 0 });
  }
  return { perSecond: results.reduce((sum, result) => sum + result.perSecond, 0), lockWaits };
}

/** Checks every few milliseconds whether a connection waits for another's lock. */
function watchLocks(client: Client): { end(): Promise<number> } {
  let isOver = false;
  const looking = (async () => {
    let waits = 0;
    while (!isOver) {
      const { rows } = await client.query(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
      );
      if (rows.length > 0) waits += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await client.end();
    return waits;
  })();
  return {
    end() {
      isOver = true;
      return looking;
    },
  };
}
