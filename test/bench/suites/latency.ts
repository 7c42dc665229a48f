import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertDurable, assertKept, readTokens } from '../audit.ts';
import { fillStore, openSqliteBulk } from '../fill.ts';
import type { Job, LoadResult } from '../load.ts';
import { assertSuccess, type Load, startLoad } from '../load-client.ts';
import { type ServerProcess, startServer } from '../processes.ts';
import type { Plan } from '../requests.ts';
import { firstCookie, startShop } from '../shop.ts';
import { figure, median } from '../stats.ts';
import { atMost, type Bench, type Report } from '../suite.ts';

// How long a webhook and a page wait while the shop is busy with something else. Every round has a new shop.

type Turn = {
  readonly alone: LoadResult;
  readonly besidePages: LoadResult;
  readonly besideList: LoadResult;
  readonly besideHanging: LoadResult;
  readonly idlePage: LoadResult;
  readonly floodedPage: LoadResult;
};

const connections = 64;
const hangingCheckouts = 128;
/** Resolves when all of them are stored and wait. */
const settleMs = 300;
const run = 'latency';

export async function latency(bench: Bench): Promise<Report> {
  const orders = bench.isQuick ? 2_000 : 100_000;
  const filled = join(bench.folder, 'filled.db');
  await fillStore(`sqlite:${filled}`, { paid: orders, awaiting: orders }, openSqliteBulk);
  const flood = startLoad();
  const side = startLoad();
  const turns: Turn[] = [];
  try {
    for (let round = 1; round <= bench.rounds; round += 1) {
      const folder = join(bench.folder, `latency-${round}`);
      mkdirSync(folder);
      const databasePath = join(folder, 'orders.db');
      copyFileSync(filled, databasePath);
      turns.push(await takeTurn(bench, { flood, side }, { folder, databasePath, orders }));
      rmSync(folder, { recursive: true });
    }
  } finally {
    await Promise.all([flood.stop(), side.stop()]);
    rmSync(filled);
  }
  return reportOf(turns);
}

async function takeTurn(
  bench: Bench,
  { flood, side }: { flood: Load; side: Load },
  { folder, databasePath, orders }: { folder: string; databasePath: string; orders: number },
): Promise<Turn> {
  const paths = readTokens(databasePath, 500).map((token) => `/orders/${token}`);
  const dojo = await startServer({
    file: 'test/bench/servers/dojo.ts',
    folder,
    env: { ANSWER_AFTER_MS: 'never' },
  });
  const shop = await startShop({
    folder,
    databaseUrl: `sqlite:${databasePath}`,
    dojoUrl: `http://127.0.0.1:${dojo.port}`,
  });
  const cookie = await firstCookie(shop.port);
  let sent = 0;
  let expected = 20_000;

  async function webhooks(seconds: number, besides: () => Promise<unknown> = async () => undefined) {
    const count = Math.ceil(expected * seconds);
    await flood.prepare(
      jobOn(shop, { kind: 'dojo-webhook', run, from: sent, count, orders }, { connections, seconds }),
    );
    const [result] = await Promise.all([flood.run(), besides()]);
    assertSuccess(result, 'webhooks');
    sent += result.sent;
    expected = Math.max(1_000, result.perSecond * 1.6);
    return result;
  }
  async function preparePages(seconds: number) {
    await side.prepare(jobOn(shop, { kind: 'get', paths, cookie }, { connections: 1, seconds }));
  }

  await webhooks(bench.warmUpSeconds);
  await preparePages(bench.warmUpSeconds);
  await side.run();
  await preparePages(bench.seconds);
  const idlePage = await side.run();
  const alone = await webhooks(bench.seconds);

  await preparePages(bench.seconds);
  let floodedPage = idlePage;
  const besidePages = await webhooks(bench.seconds, async () => {
    floodedPage = await side.run();
  });
  assertSuccess(floodedPage, 'pages');

  const file = 'test/bench/servers/list-reader.ts';
  const reader = await startServer({ file, folder, env: { DATABASE_PATH: databasePath } });
  const besideList = await webhooks(bench.seconds);
  await reader.stop();

  const checkouts: Plan = { kind: 'checkout', run, from: 0, count: 10_000, cookie };
  await side.prepare(jobOn(shop, checkouts, { connections: hangingCheckouts, seconds: bench.seconds }));
  const hanging = side.run();
  await sleep(settleMs);
  const besideHanging = await webhooks(bench.seconds);
  await hanging;

  await shop.stop();
  await dojo.stop();
  assertDurable(folder, 'wal');
  assertKept(databasePath, { run, from: 0, count: sent });
  return { alone, besidePages, besideList, besideHanging, idlePage, floodedPage };
}

function jobOn(server: ServerProcess, plan: Plan, load: { connections: number; seconds: number }): Job {
  return { port: server.port, plan, pauseMs: 0, ...load };
}

function reportOf(turns: readonly Turn[]): Report {
  const of = (name: keyof Turn, key: 'p50Ms' | 'p99Ms') => median(turns.map((turn) => turn[name][key]));
  const ratio = (name: keyof Turn, other: keyof Turn, key: 'p50Ms' | 'p99Ms') =>
    median(turns.map((turn) => turn[name][key] / turn[other][key]));
  const row = (title: string, name: keyof Turn) => [
    title,
    figure(median(turns.map((turn) => turn[name].perSecond))),
    figure(of(name, 'p50Ms')),
    figure(of(name, 'p99Ms')),
  ];
  return {
    tables: [
      {
        title: `What waits, with ${connections} webhook connections`,
        head: ['', 'a second', 'p50 ms', 'p99 ms'],
        rows: [
          row('webhooks alone', 'alone'),
          row('webhooks beside one reader of order pages', 'besidePages'),
          row('webhooks while another process reads the list of all orders', 'besideList'),
          row(
            `webhooks while ${hangingCheckouts} checkouts wait for a Dojo that never answers`,
            'besideHanging',
          ),
          row('order page, nothing else', 'idlePage'),
          row('order page beside the webhooks', 'floodedPage'),
        ],
      },
    ],
    aims: [
      atMost('webhook p99 while the list is read, against alone', ratio('besideList', 'alone', 'p99Ms'), 2),
      atMost(
        'webhook p99 while Dojo hangs, against alone (no change)',
        ratio('besideHanging', 'alone', 'p99Ms'),
        1.2,
      ),
      atMost(
        'order page p50 under a flood of webhooks, against idle',
        ratio('floodedPage', 'idlePage', 'p50Ms'),
        3,
      ),
    ],
    figures: turns,
  };
}
