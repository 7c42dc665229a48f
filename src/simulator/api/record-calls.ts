import type { Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import type { ApiFaultKind } from '../faults.ts';
import { findOperation } from '../operations.ts';
import type { Parts } from '../parts.ts';
import { keyPrefix } from './access.ts';

/** One line a call, also where no answer was given: never the whole key, never a body. */
export function logCalls(log: Logger): RequestHandler {
  return (request, response, next) => {
    const { method, path } = readCall(request);
    response.once('close', () => {
      log.info({ method, path, key: keyPrefix(request), status: statusOf(response) }, 'call');
    });
    next();
  };
}

/** Adds every call that comes this far to the list that people read: those to Dojo's paths and to paths that nobody knows. */
export function recordApiCalls({ calls, clock }: Pick<Parts, 'calls' | 'clock'>): RequestHandler {
  return (request, response, next) => {
    const call = readCall(request);
    const at = clock.now();
    const startedMs = performance.now();
    response.once('close', () => {
      const status = statusOf(response);
      calls.add({
        ...call,
        at,
        keyPrefix: keyPrefix(request),
        status,
        problem: status === null ? null : ((response.locals.problem as string | undefined) ?? null),
        faults: (response.locals.faults as readonly ApiFaultKind[] | undefined) ?? [],
        latencyMs: Math.round(performance.now() - startedMs),
      });
    });
    next();
  };
}

/** What a call says of itself; read before a router shortens the path. */
function readCall(request: Request) {
  const { method, path } = request;
  const version = request.get('version');
  return {
    method,
    path: cut(path),
    operation: findOperation(method, path)?.operation ?? null,
    version: version === undefined ? null : cut(version),
  };
}

/** Null where no answer was begun. */
function statusOf(response: Response): number | null {
  return response.headersSent ? response.statusCode : null;
}

const longestText = 200;

/** A client that mixes things up may send its key anywhere. */
function cut(text: string): string {
  return text.slice(0, longestText).replace(/(sk_[a-z]+_)[^/]*/gi, '$1…');
}
