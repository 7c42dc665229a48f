import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import { type LogFields, logEvent } from '../log.ts';

/** One line a request. Handlers add what they learn to `res.locals.logged`: order reference, intent id, event id. */
export function logRequests(log: Logger): RequestHandler {
  return (req, res, next) => {
    const startedAt = performance.now();
    const requestId = randomUUID();
    res.locals.requestId = requestId;
    res.locals.logged = {};
    res.setHeader('X-Request-Id', requestId);
    res.on('close', () => {
      const path = loggedPath(req.originalUrl);
      const fields: LogFields = {
        requestId,
        method: req.method,
        path,
        status: res.writableFinished ? res.statusCode : 'cut',
        ms: Math.round(performance.now() - startedAt),
        ...res.locals.logged,
      };
      logEvent(log, routine.test(path) ? 'routineRequest' : 'request', fields);
    });
    next();
  };
}

/** Routes ignore case, so these do too. */
const routine = /^\/(?:static\/|(?:healthz|readyz)\/?$)/i;
/** What opens an order's page: in its place, and in an address that someone mistyped. */
const token = /(?<=\/(?:orders|checkout\/[a-z]+)\/+)[^/]+|(?<![\w-])[0-9a-z]{9,11}-[\w-]{24}(?![\w-])/gi;

function loggedPath(url: string): string {
  const path = url.split('?', 1)[0] ?? '';
  return path.slice(0, 500).replace(token, '…').slice(0, 200);
}
