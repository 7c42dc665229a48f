import { Router } from 'express';
import type { Context } from '../context.ts';
import { logEvent } from '../log.ts';

/** How long an answer counts, so that a flood of probes is one write a second. */
const answerCountsMs = 1_000;

/** `/healthz`: the process answers. `/readyz`: orders can be stored; migrations are done before anything listens. */
export function health({ store, intake, log }: Context): Router {
  let probe: Promise<boolean> | null = null;
  let countsUntil = 0;

  /** Probes that come together share one. */
  function isWritable(): Promise<boolean> {
    if (probe === null || performance.now() > countsUntil) {
      countsUntil = Number.POSITIVE_INFINITY;
      probe = write().finally(() => {
        countsUntil = performance.now() + answerCountsMs;
      });
    }
    return probe;
  }

  async function write(): Promise<boolean> {
    try {
      await intake.keep(store.checkWritable);
      return true;
    } catch (error) {
      logEvent(log, 'storeUnwritable', { err: error });
      return false;
    }
  }

  const router = Router();
  router.get('/healthz', (_req, res) => {
    res.type('text').send('alive\n');
  });
  router.get('/readyz', async (_req, res) => {
    if (await isWritable()) res.type('text').send('ready\n');
    else res.status(503).type('text').send('the order store cannot be written\n');
  });
  return router;
}
