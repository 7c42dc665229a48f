import express, { type ErrorRequestHandler, type Express } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { requireApiKey, requireApiVersion } from './api/access.ts';
import { applyApiFaults } from './api/api-faults.ts';
import { logCalls, recordApiCalls } from './api/call-log.ts';
import { createCustomerRouter, createSavedCardRouter } from './api/customer-routes.ts';
import { createPaymentIntentRouter } from './api/payment-intent-routes.ts';
import { Problem, sendProblem } from './api/problem.ts';
import { createWebhookRouter } from './api/webhook-routes.ts';
import { createControlRouter } from './control/control-routes.ts';
import { createCheckoutRouter } from './page/checkout-routes.ts';
import { sendErrorPage } from './page/notice-page.ts';
import type { SimulatorState } from './state/simulator-state.ts';

/** Operations of Dojo's API that a web shop does not need. */
const unservedPaths = [
  '/payment-intents/:id/charge',
  '/setup-intents{/*rest}',
  '/terminals{/*rest}',
  '/terminal-sessions{/*rest}',
  '/transactions{/*rest}',
  '/epos{/*rest}',
];

/** Express accepts paths with and without a final slash, as Dojo does. */
export function createApp(state: SimulatorState, log: Logger): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_req, res, next) => {
    state.clock.runDue();
    res.locals.traceId = state.ids.traceId();
    // Clients compare their clock with Dojo's by this header.
    res.setHeader('date', state.clock.now().toUTCString());
    next();
  });
  app.use(logCalls(log));
  // Each page sets its own policy, and there is no https to enforce.
  app.use(
    helmet({
      contentSecurityPolicy: false,
      strictTransportSecurity: false,
      xFrameOptions: { action: 'deny' },
    }),
  );
  app.use(createControlRouter(state));
  app.use('/checkout', createCheckoutRouter(state));
  addApi(app, state);
  app.use(() => {
    throw new Problem(404);
  });
  app.use(answerErrors(log));
  return app;
}

function addApi(app: Express, state: SimulatorState): void {
  app.use(recordApiCalls(state));
  app.all(unservedPaths, () => {
    throw new Problem(404, 'Dojo has this operation, but the simulator does not serve it.');
  });
  const requireVersion = requireApiVersion(state);
  // Some clients of Dojo leave out Content-Type.
  const readJson = express.json({ type: () => true, limit: '1mb', strict: false });
  const applyFaults = applyApiFaults(state);
  const forShops = [requireApiKey(state), requireVersion, readJson, applyFaults];
  app.use('/payment-intents', ...forShops, createPaymentIntentRouter(state));
  app.use('/webhooks', ...forShops, createWebhookRouter(state));
  app.use('/customers/public', requireVersion, applyFaults, createSavedCardRouter(state));
  app.use('/customers', ...forShops, createCustomerRouter(state));
}

/** The one place where errors become answers: a page for shoppers, a problem for programs. */
function answerErrors(log: Logger): ErrorRequestHandler {
  return (error, req, res, next) => {
    if (res.headersSent) return next(error);
    const isPage = isCheckoutPath(req.path);
    const problem = toProblem(error, isPage);
    if (problem.status === 500) log.error({ err: error }, 'the simulator failed');
    if (isPage) sendErrorPage(res, problem.status);
    else sendProblem(res, problem);
  };
}

/** Express and its body parsers set a status below 500 if the client is wrong. Dojo's API has only 400 and 413 for that. */
function toProblem(error: unknown, isPage: boolean): Problem {
  if (error instanceof Problem) return error;
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 500;
  if (!(status >= 400 && status < 500)) return new Problem(500);
  return new Problem(isPage || status === 413 ? status : 400, 'The request could not be read.');
}

/** In any case, as Express matches routes. */
function isCheckoutPath(path: string): boolean {
  return /^\/checkout(?:\/|$)/i.test(path);
}
