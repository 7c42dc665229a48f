import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { assertSuccess, type Load, startLoad } from '../load-client.ts';
import { startServer } from '../processes.ts';
import { createIntentBody, dojoHeaders, requestsPerIntent } from '../requests.ts';
import { figure, median } from '../stats.ts';
import { atMost, type Bench, type Report } from '../suite.ts';

// The pretend Dojo with none and with many payment intents: create one, read one, search one page.

const many = 10_000;

export async function simulator(bench: Bench): Promise<Report> {
  const folder = join(bench.folder, 'simulator');
  mkdirSync(folder);
  const full = bench.isQuick ? 500 : many;
  const load = startLoad();
  const turns: { empty: number; full: number }[] = [];
  try {
    for (let round = 1; round <= bench.rounds; round += 1) {
      turns.push({
        empty: await measure(load, { folder, before: 0 }),
        full: await measure(load, { folder, before: full }),
      });
    }
  } finally {
    await load.stop();
  }
  return {
    tables: [
      {
        title: 'The simulator: µs for one intent to create, one to read, and one page of the search',
        head: ['intents before', 'µs'],
        rows: [
          ['0', figure(median(turns.map((turn) => turn.empty)))],
          [figure(full), figure(median(turns.map((turn) => turn.full)))],
        ],
      },
    ],
    aims: [
      atMost(
        `simulator with ${figure(full)} intents against none`,
        median(turns.map((turn) => turn.full / turn.empty)),
        1.5,
      ),
    ],
    figures: turns,
  };
}

async function measure(load: Load, { folder, before }: { folder: string; before: number }): Promise<number> {
  const server = await startServer({ file: 'test/bench/servers/simulator.ts', folder });
  const send = async (intentId: string | null, count: number) => {
    const plan = { kind: 'simulator', intentId, count } as const;
    await load.prepare({ port: server.port, connections: 1, seconds: 60, plan, pauseMs: 0 });
    const result = await load.run();
    assertSuccess(result, 'the simulator');
    return (1e6 / result.perSecond) * requestsPerIntent;
  };
  await send(null, before);
  const intentId = await createIntent(server.port);
  await send(intentId, 200);
  const micros = await send(intentId, 200);
  await server.stop();
  return micros;
}

async function createIntent(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/payment-intents`, {
    method: 'POST',
    headers: dojoHeaders,
    body: createIntentBody(),
  });
  return ((await response.json()) as { id: string }).id;
}
