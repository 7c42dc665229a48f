import { parseArgs } from 'node:util';
import { startPostgres } from '../support/postgres.ts';
import { simulate } from './simulation.ts';

/** `npm run simulate -- --seed 7 --runs 10000`; `--postgres` starts a PostgreSQL server and uses that. */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    runs: { type: 'string', default: '1000' },
    postgres: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const runs = Number(values.runs);

const postgres = values.postgres ? await startPostgres() : null;
const startedAt = performance.now();
let done = 0;
process.stdout.write(`Seed ${seed}, ${runs} runs.\n`);
try {
  await simulate({
    seed,
    runs,
    ...(postgres !== null && { createDatabase: postgres.createDatabase }),
    onRun() {
      done += 1;
      if (done % 500 === 0) process.stdout.write(`${done} runs, ${seconds()} s\n`);
    },
  });
  process.stdout.write(`All ${runs} runs kept every rule of money (${seconds()} s).\n`);
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.stdout.write(
    `To repeat: npm run simulate -- --seed ${seed} --runs ${runs}${postgres === null ? '' : ' --postgres'}\n`,
  );
  process.exitCode = 1;
} finally {
  await postgres?.stop();
}

function seconds(): number {
  return Math.round((performance.now() - startedAt) / 1000);
}
