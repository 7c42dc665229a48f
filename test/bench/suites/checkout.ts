import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { assertDurable, assertPlaced } from '../audit.ts';
import type { LoadResult } from '../load.ts';
import { assertSuccess, type Load, startLoad } from '../load-client.ts';
import { startServer } from '../processes.ts';
import type { Plan } from '../requests.ts';
import { firstCookie, startShop } from '../shop.ts';
import { figure, median } from '../stats.ts';
import { type Aim, atLeast, atMost, type Bench, profileArgv, type Report } from '../suite.ts';

// What the shop adds to Dojo's own time between the click and the payment link. A server in Dojo's place answers after 20 ms. As
// many clients call it directly and through the shop, in turn.

const upstreamMs = 20;
const clientCounts = [1, 32, 128] as const;
const addedMost = { 1: 2, 32: 3, 128: 7 } as const;
const run = 'checkout';

type Clients = (typeof clientCounts)[number];
type Pair = { readonly upstream: LoadResult; readonly shop: LoadResult; readonly cpuMicros: number };

export async function checkout(bench: Bench): Promise<Report> {
  const load = startLoad();
  const turns: Record<Clients, Pair>[] = [];
  try {
    for (let round = 1; round <= bench.rounds; round += 1) {
      const folder = join(bench.folder, `checkout-${round}`);
      mkdirSync(folder);
      turns.push(await takeTurn(bench, load, folder));
      rmSync(folder, { recursive: true });
    }
  } finally {
    await load.stop();
  }
  return reportOf(turns);
}

async function takeTurn(bench: Bench, load: Load, folder: string): Promise<Record<Clients, Pair>> {
  const databasePath = join(folder, 'orders.db');
  const dojo = await startServer({
    file: 'test/bench/servers/dojo.ts',
    folder,
    env: { ANSWER_AFTER_MS: String(upstreamMs) },
  });
  const shop = await startShop({
    folder,
    databaseUrl: `sqlite:${databasePath}`,
    dojoUrl: `http://127.0.0.1:${dojo.port}`,
    execArgv: profileArgv(bench),
  });
  const cookie = await firstCookie(shop.port);
  let placed = 0;

  async function measure(plan: Plan, connections: number, seconds: number): Promise<LoadResult> {
    const port = plan.kind === 'checkout' ? shop.port : dojo.port;
    await load.prepare({ port, connections, seconds, plan, pauseMs: 0 });
    const result = await load.run();
    assertSuccess(result, `${connections} clients`);
    return result;
  }
  async function throughShop(connections: number, seconds: number): Promise<LoadResult> {
    // No server can place more than its upstream answers.
    const count = Math.ceil((connections * 1000 * seconds) / upstreamMs) + 10;
    const result = await measure(
      { kind: 'checkout', run, from: placed, count, cookie },
      connections,
      seconds,
    );
    placed += result.sent;
    return result;
  }

  // The first hundred checkouts of a process cost double.
  await throughShop(32, bench.warmUpSeconds);
  await measure({ kind: 'create-intent' }, 32, bench.warmUpSeconds);
  const pairs: Partial<Record<Clients, Pair>> = {};
  for (const clients of clientCounts) {
    const upstream = await measure({ kind: 'create-intent' }, clients, bench.seconds / 2);
    const before = await shop.cpuMicros();
    const result = await throughShop(clients, bench.seconds);
    pairs[clients] = {
      upstream,
      shop: result,
      cpuMicros: ((await shop.cpuMicros()) - before) / result.sent,
    };
  }
  await shop.stop();
  await dojo.stop();
  assertDurable(folder, 'wal');
  assertPlaced(databasePath, run, placed);
  return pairs as Record<Clients, Pair>;
}

function reportOf(turns: readonly Record<Clients, Pair>[]): Report {
  const of = (clients: Clients, measure: (pair: Pair) => number) =>
    median(turns.map((turn) => measure(turn[clients])));
  const added = (clients: Clients) => of(clients, ({ shop, upstream }) => shop.p50Ms - upstream.p50Ms);
  const share = (clients: Clients) =>
    of(clients, ({ shop, upstream }) => shop.perSecond / upstream.perSecond);
  const aims: Aim[] = clientCounts.map((clients) =>
    atMost(`checkout p50 over the upstream, ${clients} clients, ms`, added(clients), addedMost[clients]),
  );
  return {
    tables: [
      {
        title: `Checkouts over an upstream that answers after ${upstreamMs} ms`,
        head: [
          'clients',
          'upstream p50 ms',
          'shop p50 ms',
          'added ms',
          'shop p99 ms',
          'shop a second',
          'of upstream',
          'CPU µs a checkout',
        ],
        rows: clientCounts.map((clients) => [
          String(clients),
          figure(of(clients, ({ upstream }) => upstream.p50Ms)),
          figure(of(clients, ({ shop }) => shop.p50Ms)),
          figure(added(clients)),
          figure(of(clients, ({ shop }) => shop.p99Ms)),
          figure(of(clients, ({ shop }) => shop.perSecond)),
          figure(share(clients)),
          figure(of(clients, ({ cpuMicros }) => cpuMicros)),
        ]),
      },
    ],
    aims: [...aims, atLeast('checkouts a second at 128 clients, of the upstream alone', share(128), 0.7)],
    figures: turns,
  };
}
