import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';

/** Handlers add what they learn to `res.locals.logged`: order reference, intent id, event id. */
export function logRequests(log: Logger): RequestHandler {
  return (req, res, next) => {
    const startedAt = performance.now();
    const requestId = randomUUID();
    res.locals.requestId = requestId;
    res.locals.logged = {};
    res.setHeader('X-Request-Id', requestId);
    res.on('close', () => {
      log.info(
        {
          requestId,
          method: req.method,
          path: loggedPath(req.originalUrl),
          status: res.writableFinished ? res.statusCode : 'cut',
          ms: Math.round(performance.now() - startedAt),
          ...res.locals.logged,
        },
        'request',
      );
    });
    next();
  };
}

/** Without the query, and without the token that opens an order's page. */
function loggedPath(url: string): string {
  const path = url.split('?', 1)[0] ?? '';
  return path.replace(/^(\/(?:orders|checkout\/[a-z]+)\/)[^/]*/, '$1…').slice(0, 200);
}
