import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { host } from '../names.ts';
import { type ServerProcess, startServer } from '../processes.ts';
import { startShop } from '../shop.ts';
import { figure, median } from '../stats.ts';
import { atMost, type Bench, type Report } from '../suite.ts';

// From the start of the process to the last byte of its first answer, and its memory at rest. Preloads nothing.

type Start = { readonly ms: number; readonly megabytes: number };

export async function start(bench: Bench): Promise<Report> {
  const folder = join(bench.folder, 'start');
  mkdirSync(folder);
  const starts = {
    hello: () => startServer({ file: 'test/bench/servers/hello-express.ts', folder, isBare: true }),
    shop: () => startShop({ folder, databaseUrl: `sqlite:${join(folder, 'orders.db')}`, isBare: true }),
  };
  const restMs = bench.isQuick ? 100 : 1_000;
  // The first start creates the database that later ones find.
  await measure(starts.shop, restMs);
  const turns: { hello: Start; shop: Start }[] = [];
  for (let round = 1; round <= bench.rounds * 2; round += 1) {
    turns.push({ hello: await measure(starts.hello, restMs), shop: await measure(starts.shop, restMs) });
  }
  const ratio = (key: keyof Start) => median(turns.map(({ hello, shop }) => shop[key] / hello[key]));
  const of = (name: 'hello' | 'shop', key: keyof Start) =>
    figure(median(turns.map((turn) => turn[name][key])));
  return {
    tables: [
      {
        title: 'Start',
        head: ['server', 'first answer after ms', 'MB at rest'],
        rows: [
          ['Express 5, "hello"', of('hello', 'ms'), of('hello', 'megabytes')],
          ['the shop', of('shop', 'ms'), of('shop', 'megabytes')],
        ],
      },
    ],
    aims: [
      atMost('start to first answer, against Express "hello"', ratio('ms'), 2),
      atMost('idle memory, against Express "hello"', ratio('megabytes'), 1.5),
    ],
    figures: turns,
  };
}

async function measure(startOne: () => Promise<ServerProcess>, restMs: number): Promise<Start> {
  const startedAt = performance.now();
  const server = await startOne();
  await firstAnswer(server.port);
  const ms = performance.now() - startedAt;
  await sleep(restMs);
  const megabytes = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(server.pid)])) / 1024;
  await server.stop();
  return { ms, megabytes };
}

function firstAnswer(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path: '/', headers: { Host: host }, agent: false }, (response) => {
      response.resume().once('end', resolve);
    }).once('error', reject);
  });
}
