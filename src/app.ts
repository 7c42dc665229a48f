import { fileURLToPath } from 'node:url';
import cookieParser from 'cookie-parser';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import type { Context } from './context.ts';
import { basket } from './http/basket.ts';
import { catalogue } from './http/catalogue.ts';
import { checkout } from './http/checkout.ts';
import { health } from './http/health.ts';
import { orders } from './http/orders.ts';
import { createPages } from './http/pages.ts';
import { answerErrors, answerProblems, HttpProblem, notFound } from './http/problem.ts';
import { logRequests } from './http/request-log.ts';
import { onlyOwnForms, onlyOwnHost, securityHeaders } from './http/security.ts';
import { readSession } from './http/session.ts';
import { webhooks } from './http/webhooks.ts';

export type AppSettings = {
  /** True where `PUBLIC_URL` was given: no other host is answered then. */
  readonly hasPublicUrl: boolean;
  readonly isTestShop: boolean;
  readonly sessionSecret: string;
  readonly checkoutRate: number;
  /** As Express reads `trust proxy`. */
  readonly trustProxy: number | string[] | false;
};

const viewsFolder = fileURLToPath(new URL('../views', import.meta.url));
const publicFolder = fileURLToPath(new URL('../public', import.meta.url));

/** The shop as an Express app. Whoever calls before whom is all here. */
export function createApp(context: Context, settings: AppSettings): Express {
  const { publicUrl, checkoutOrigin } = context.settings;
  const { shopName: name, strapline } = context.catalogue;
  const pages = createPages(viewsFolder, { name, strapline, isTestShop: settings.isTestShop });
  const session = {
    catalogue: context.catalogue,
    isHttps: publicUrl.startsWith('https:'),
    createSecret: context.createSecret,
    checkoutRate: settings.checkoutRate,
  };
  const security = { publicUrl, checkoutOrigin, hasPublicUrl: settings.hasPublicUrl };

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('trust proxy', settings.trustProxy);

  app.use(logRequests(context.log));
  // Machines call these: before everything that only browsers need, and before any body parser.
  app.route('/webhooks/dojo').all(webhooks(context), answerProblems(context.log));
  app.use(health(context));

  app.use(securityHeaders(security));
  app.use(onlyOwnHost(security));
  app.use('/static', ...staticFiles());
  app.use(onlyOwnForms(security));
  app.use(cookieParser(settings.sessionSecret), readSession(session));
  app.use(catalogue(context.catalogue, pages));
  app.use(basket(session, pages));
  app.use(checkout(context, session, pages));
  app.use(orders(context, session, pages));

  app.use(notFound());
  app.use(answerErrors(pages, context.log));
  return app;
}

/** Below a prefix, so that no other request touches the disk. Whatever is not a file of ours is not there. */
function staticFiles(): [RequestHandler, RequestHandler, ErrorRequestHandler] {
  return [
    express.static(publicFolder, { index: false, redirect: false, maxAge: '1h' }),
    notFound(),
    (_error, _req, _res, _next) => {
      throw new HttpProblem(404);
    },
  ];
}
