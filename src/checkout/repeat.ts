import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { logEvent } from '../log.ts';

/** Runs a task again and again, with a pause after each run, until stopped. What it throws is logged and ends nothing. */
export function repeat(
  task: (signal: AbortSignal) => Promise<unknown>,
  pauseMs: number,
  log: Logger,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = (async () => {
    while (!signal.aborted) {
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await task(signal).catch((error: unknown) => logEvent(log, 'backgroundTaskFailed', { err: error }));
    }
  })();
  return {
    stop() {
      stopping.abort();
      return running;
    },
  };
}
