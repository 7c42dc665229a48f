import type { Job, LoadResult } from './load.ts';
import { startWorker } from './processes.ts';

/** A process that makes load. It prepares its requests before the measured time. */
export type Load = {
  prepare(job: Job): Promise<void>;
  run(): Promise<LoadResult>;
  stop(): Promise<void>;
};

const prepareWithinMs = 120_000;
const runWithinMs = 180_000;

export function startLoad(): Load {
  const worker = startWorker('load.ts');
  return {
    async prepare(job) {
      await worker.ask({ prepare: job }, prepareWithinMs);
    },
    async run() {
      return (await worker.ask({ run: true }, runWithinMs)) as LoadResult;
    },
    stop: () => worker.stop(),
  };
}

/** Throws if a request was not answered with success, since its figure would be worthless. */
export function assertSuccess(result: LoadResult, what: string): void {
  const failed = Object.entries(result.statuses).filter(([status]) => !/^[23]/.test(status));
  if (failed.length > 0) {
    throw new Error(`${what}: ${failed.map(([status, count]) => `${count} answers ${status}`).join(', ')}`);
  }
}
