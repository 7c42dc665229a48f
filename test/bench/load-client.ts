import type { Job, LoadResult } from './load.ts';
import { startWorker } from './processes.ts';

/** A process that makes load. What it sends is prepared before the time that is measured. */
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

/** Throws where a request was answered with anything but a success, which would make a figure worth nothing. */
export function assertSuccess(result: LoadResult, what: string): void {
  const failed = Object.entries(result.statuses).filter(([status]) => !/^[23]/.test(status));
  if (failed.length > 0) {
    throw new Error(`${what}: ${failed.map(([status, count]) => `${count} answers ${status}`).join(', ')}`);
  }
}
