import { Router } from 'express';
import type { Context } from '../context.ts';
import { logEvent } from '../log.ts';

/** `/healthz`: the process answers. `/readyz`: orders can be stored; migrations are done before anything listens. */
export function health({ store, log }: Context): Router {
  const router = Router();
  router.get('/healthz', (_req, res) => {
    res.type('text').send('alive\n');
  });
  router.get('/readyz', async (_req, res) => {
    try {
      await store.checkWritable();
      res.type('text').send('ready\n');
    } catch (error) {
      logEvent(log, 'storeUnwritable', { err: error });
      res.status(503).type('text').send('the order store cannot be written\n');
    }
  });
  return router;
}
