import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureDisk } from './disk.ts';
import { figure, formatTable } from './stats.ts';
import type { Aim, Bench, Report } from './suite.ts';
import { checkout } from './suites/checkout.ts';
import { growth } from './suites/growth.ts';
import { intake } from './suites/intake.ts';
import { latency } from './suites/latency.ts';
import { postgres } from './suites/postgres.ts';
import { reconciling } from './suites/reconcile.ts';
import { simulator } from './suites/simulator.ts';
import { start } from './suites/start.ts';

// npm run bench [-- --only intake,start] [--rounds 5] [--seconds 4] [--folder DIR] [--quick] [--ten-million] [--profiles DIR]
// Puts load on this machine alone, and ends by itself.

const suites: Readonly<Record<string, (bench: Bench) => Promise<Report>>> = {
  intake,
  postgres,
  latency,
  checkout,
  growth,
  start,
  simulator,
  reconcile: reconciling,
};

const { values: given } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    folder: { type: 'string' },
    profiles: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'ten-million': { type: 'boolean', default: false },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  const names = given.only?.split(',') ?? Object.keys(suites);
  const unknown = names.filter((name) => !(name in suites));
  if (unknown.length > 0) {
    process.stderr.write(
      `There is no suite ${unknown.join(', ')}, only ${Object.keys(suites).join(', ')}.\n`,
    );
    return 1;
  }
  const folder = mkdtempSync(join(given.folder ?? tmpdir(), 'bench-'));
  process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const isQuick = given.quick;
  const bench: Bench = {
    folder,
    rounds: Number(given.rounds ?? (isQuick ? 1 : 5)),
    seconds: Number(given.seconds ?? (isQuick ? 0.3 : 4)),
    warmUpSeconds: isQuick ? 0.2 : 5,
    isQuick,
    hasTenMillion: given['ten-million'],
    profiles: given.profiles ?? null,
  };
  return run(bench, names);
}

async function run(bench: Bench, names: readonly string[]): Promise<number> {
  const disks = [measureDisk(bench.folder)];
  const others = loadavg()[0] ?? 0;
  const aims: Aim[] = [];
  const figures: Record<string, unknown> = {};
  for (const name of names) {
    const report = await (suites[name] as (bench: Bench) => Promise<Report>)(bench);
    for (const { title, head, rows } of report.tables)
      process.stdout.write(`\n${title}\n\n${formatTable(head, rows)}`);
    aims.push(...report.aims);
    figures[name] = report.figures;
    disks.push(measureDisk(bench.folder));
  }
  const syncs = disks.map(({ syncMicros }) => figure(syncMicros)).join(', ');
  process.stdout.write(`\nLoad of the machine before the run (one minute): ${figure(others)}\n`);
  process.stdout.write(`\nOne bare fdatasync, before and after each suite: ${syncs} µs\n`);
  process.stdout.write(`\n${formatTable(['aim', 'wanted', 'got', ''], aims.map(aimRow))}`);
  process.stdout.write(`\n${JSON.stringify({ node: process.version, others, disks, aims, figures })}\n`);
  return 0;
}

function aimRow({ what, wanted, got, isReached }: Aim): string[] {
  return [what, wanted, figure(got), isReached ? 'reached' : 'not reached'];
}
