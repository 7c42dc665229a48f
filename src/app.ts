import { fileURLToPath } from 'node:url';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import type { Context } from './context.ts';
import { basket } from './http/basket.ts';
import { catalogue } from './http/catalogue.ts';
import { checkout } from './http/checkout.ts';
import { health } from './http/health.ts';
import type {} from './http/locals.ts';
import { orders } from './http/orders.ts';
import { createPages } from './http/pages.ts';
import { answerErrors, answerProblems, HttpProblem, notFound } from './http/problem.ts';
import { logRequests } from './http/request-log.ts';
import { onlyOwnForms, onlyOwnHost, readForwarding, securityHeaders, securityTxt } from './http/security.ts';
import { createSessions } from './http/session.ts';
import { ship } from './http/ship.ts';
import { webhooks } from './http/webhooks.ts';

export const publicFolder = fileURLToPath(new URL('../public', import.meta.url));
const viewsFolder = fileURLToPath(new URL('../views', import.meta.url));

/** The shop as an Express app: every middleware in its order. */
export function createApp(context: Context): Express {
  const { config, log } = context;
  const pages = createPages(viewsFolder, context);
  const sessions = createSessions(context);

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('trust proxy', config.http.trustProxy);

  app.use(logRequests(log));
  app.use(readForwarding(config, log));
  // For programs: before everything that only browsers need, and before any body parser.
  app.route('/webhooks/dojo').all(webhooks(context), answerProblems(log));
  app.route('/api/orders/:reference/ship').all(ship(context), answerProblems(log));
  app.use(health(context));

  app.use(securityHeaders(config));
  app.use(onlyOwnHost(config, log));
  app.use('/static', ...staticFiles());
  const contact = config.http.securityContact;
  if (contact !== null) app.get('/.well-known/security.txt', securityTxt(context, contact));
  app.use(onlyOwnForms(config, log));
  app.use(sessions.read);
  app.use(catalogue(context, pages));
  app.use(basket(context, sessions, pages));
  app.use(checkout(context, sessions, pages));
  app.use(orders(context, sessions, pages));

  app.use(notFound());
  app.use(answerErrors(pages, log));
  return app;
}

/** Below a prefix, so that no other request touches the disk. Everything that is not a file of ours is 404. */
function staticFiles(): [RequestHandler, RequestHandler, ErrorRequestHandler] {
  return [
    express.static(publicFolder, { index: false, redirect: false, maxAge: '1h' }),
    notFound(),
    (_error, _req, _res, _next) => {
      throw new HttpProblem(404);
    },
  ];
}
