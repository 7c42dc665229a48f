import fc from 'fast-check';
import { reconcile } from '../../src/checkout/reconcile.ts';
import { DojoError } from '../../src/dojo/errors.ts';
import { openScenario, type Scenario } from '../support/scenario.ts';
import { act, newWorld, ship } from './act.ts';
import { Crash } from './faults.ts';
import { findProblems } from './findings.ts';
import { type Story, story } from './story.ts';

const minute = 60_000;
const hour = 60 * minute;

/** Runs many seeded stories. Rejects with the seed and the shortest story that breaks a rule of money. */
export async function simulate(options: {
  seed: number;
  runs: number;
  onRun?: () => void;
  /** Returns the address of an empty database for each story; default: SQLite in memory. */
  createDatabase?: () => Promise<string>;
}): Promise<void> {
  await fc.assert(
    fc.asyncProperty(story, async (told) => {
      await play(told, await options.createDatabase?.());
      options.onRun?.();
    }),
    { seed: options.seed, numRuns: options.runs, includeErrorInReport: true },
  );
}

/** Rejects if the story breaks a rule of money. */
async function play(
  { captureMode, settings, injected, actions }: Story,
  databaseUrl = 'sqlite::memory:',
): Promise<void> {
  const scenario = await openScenario({
    databaseUrl,
    dojo: { timeoutMs: 500 },
    env: { CAPTURE_MODE: captureMode },
  });
  const world = newWorld(scenario);
  try {
    scenario.simulator.changeSettings(settings);
    scenario.simulator.faults.reset(injected.seed);
    for (const each of injected.faults) scenario.simulator.faults.add(each);
    for (const each of actions) {
      try {
        await act(world, each);
      } catch (error) {
        // The shop must survive a dead process or a missing reply.
        if (!(error instanceof Crash) && !(error instanceof DojoError)) throw error;
      }
    }
    scenario.simulator.faults.reset(injected.seed);
    await scenario.handAll();
    await ship(world);
    await settle(scenario);
    await ship(world);
    const problems = [...world.problems, ...(await findProblems(world))];
    if (problems.length > 0) throw new Error(problems.join('\n'));
  } finally {
    await scenario.close();
  }
}

/** Pauses until every reservation has ended, and the last pass over paid orders is over. */
const pauses = [
  ...Array(4).fill(2 * minute),
  ...Array(10).fill(3 * hour),
  ...[1, 1, 5, 1, 23, 1, 60, 2].map((days) => days * 24 * hour),
];

/** Everything calms down: delayed events arrive, and the shop reconciles until nothing is left. */
async function settle(scenario: Scenario): Promise<void> {
  for (const pause of pauses) {
    await scenario.handAll();
    scenario.pass(pause);
    await reconcile(scenario.context, 'last');
  }
  await scenario.handAll();
}
