import express, { type ErrorRequestHandler, type Express } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { requireApiAccess, requireApiVersion } from './api/access.ts';
import { createAmendmentRouter } from './api/amendment-routes.ts';
import { applyApiFaults } from './api/api-faults.ts';
import { createCustomerRouter } from './api/customer-routes.ts';
import { createMoneyRouter } from './api/money-routes.ts';
import { createPaymentIntentRouter } from './api/payment-intent-routes.ts';
import { sendProblem } from './api/problem.ts';
import { logCalls, recordApiCalls } from './api/record-calls.ts';
import { createSavedCardRouter } from './api/saved-card-routes.ts';
import { createUnservedRouter } from './api/unserved-routes.ts';
import { createWebhookRouter } from './api/webhook-routes.ts';
import { createControlRouter } from './control/control-routes.ts';
import { createCheckoutRouter } from './page/checkout-routes.ts';
import { isCheckoutPath, sendErrorPage } from './page/error-page.ts';
import type { Parts } from './parts.ts';

/** Express ends paths with or without a slash, as Dojo does. */
export function createApp(parts: Parts, log: Logger): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    parts.clock.runDue();
    response.locals.traceId = parts.ids.traceId();
    // Clients compare their clock with Dojo's by this.
    response.setHeader('date', parts.clock.now().toUTCString());
    next();
  });
  app.use(logCalls(log));
  // Pages write a policy of their own, and there is no https to insist on.
  app.use(
    helmet({
      contentSecurityPolicy: false,
      strictTransportSecurity: false,
      xFrameOptions: { action: 'deny' },
    }),
  );
  app.use(createControlRouter(parts));
  app.use('/checkout', createCheckoutRouter(parts));

  app.use(recordApiCalls(parts));
  // Clients of Dojo were seen to leave Content-Type out.
  const readJson = express.json({ type: () => true, limit: '1mb', strict: false });
  const requireAccess = requireApiAccess(parts);
  const applyFaults = applyApiFaults(parts);
  app.use(createUnservedRouter());
  app.use(
    '/payment-intents',
    requireAccess,
    readJson,
    applyFaults,
    createMoneyRouter(parts),
    createAmendmentRouter(parts),
    createPaymentIntentRouter(parts),
  );
  app.use('/webhooks', requireAccess, readJson, applyFaults, createWebhookRouter(parts));
  app.use('/customers/public', requireApiVersion(parts), applyFaults, createSavedCardRouter(parts));
  app.use('/customers', requireAccess, readJson, applyFaults, createCustomerRouter(parts));
  app.use((request, response) => {
    if (isCheckoutPath(request.path)) sendErrorPage(response, 404);
    else sendProblem(response, { status: 404 });
  });
  app.use(answerErrors(log));
  return app;
}

/** A body that can not be read is the client's fault; anything else is ours. */
function answerErrors(log: Logger): ErrorRequestHandler {
  return (error, request, response, next) => {
    if (response.headersSent) return next(error);
    const status: unknown = error?.status;
    const isPage = isCheckoutPath(request.path);
    if (typeof status === 'number' && status >= 400 && status < 500) {
      if (isPage) return sendErrorPage(response, status);
      return sendProblem(response, {
        status: status === 413 ? 413 : 400,
        detail: 'The request could not be read.',
      });
    }
    log.error({ err: error }, 'the simulator failed');
    if (isPage) sendErrorPage(response, 500);
    else sendProblem(response, { status: 500 });
  };
}
