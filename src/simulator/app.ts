import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { keyPrefix, requireApiAccess } from './api/access.ts';
import { createMoneyRouter } from './api/money-routes.ts';
import { createPaymentIntentRouter } from './api/payment-intent-routes.ts';
import { sendProblem } from './api/problem.ts';
import { createWebhookRouter } from './api/webhook-routes.ts';
import { createHomeRouter } from './control/control-routes.ts';
import { createCheckoutRouter } from './page/checkout-routes.ts';
import type { Parts } from './parts.ts';

/** Express ends paths with or without a slash, as Dojo does. */
export function createApp(parts: Parts, log: Logger): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    response.locals.traceId = parts.ids.traceId();
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
  app.use(createHomeRouter(parts));
  app.use('/checkout', createCheckoutRouter(parts));

  // Clients of Dojo were seen to leave Content-Type out.
  const readJson = express.json({ type: () => true, limit: '1mb', strict: false });
  app.use(
    '/payment-intents',
    requireApiAccess,
    readJson,
    createMoneyRouter(parts),
    createPaymentIntentRouter(parts),
  );
  app.use('/webhooks', requireApiAccess, readJson, createWebhookRouter(parts));
  app.use((_request, response) => sendProblem(response, { status: 404 }));
  app.use(answerErrors(log));
  return app;
}

/** One line a call: never the whole key, never a body. */
function logCalls(log: Logger): RequestHandler {
  return (request, response, next) => {
    const path = request.path;
    response.once('finish', () => {
      log.info(
        { method: request.method, path, key: keyPrefix(request), status: response.statusCode },
        'call',
      );
    });
    next();
  };
}

/** A body that can not be read is the client's fault; anything else is ours. */
function answerErrors(log: Logger): ErrorRequestHandler {
  return (error, _request, response, next) => {
    if (response.headersSent) return next(error);
    const status: unknown = error?.status;
    if (typeof status === 'number' && status >= 400 && status < 500) {
      return sendProblem(response, {
        status: status === 413 ? 413 : 400,
        detail: 'The request could not be read.',
      });
    }
    log.error({ err: error }, 'the simulator failed');
    sendProblem(response, { status: 500 });
  };
}
