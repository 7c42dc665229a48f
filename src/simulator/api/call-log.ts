import type { Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import type { ApiFaultKind } from '../faults.ts';
import { findOperation, type Operation } from '../operations.ts';
import type { Clock } from '../state/clock.ts';
import { keyPrefix } from './access.ts';

/** One call to the API, for people to read: never the whole key, never a body. */
export type ApiCall = {
  readonly at: Date;
  readonly method: string;
  readonly path: string;
  /** Null if Dojo has no such path. */
  readonly operation: Operation | null;
  /** The `version` header as sent; null if missing. */
  readonly version: string | null;
  /** `sk_sandbox_abcd`: enough to tell two keys apart. */
  readonly keyPrefix: string | null;
  /** Null if there was no answer. */
  readonly status: number | null;
  /** The message of the problem in the answer; null without one. */
  readonly problem: string | null;
  /** The injected failures. */
  readonly faults: readonly ApiFaultKind[];
  readonly latencyMs: number;
};

export type ApiCalls = {
  add(call: ApiCall): void;
  count(): number;
  /** Newest first, at most `callsKept`. */
  list(options?: { limit?: number }): readonly ApiCall[];
  clear(): void;
};

export const callsKept = 1_000;

export function createApiCalls(): ApiCalls {
  const calls: ApiCall[] = [];
  return {
    add(call) {
      calls.push(call);
      if (calls.length > callsKept) calls.shift();
    },
    count: () => calls.length,
    list: ({ limit = callsKept } = {}) => calls.toReversed().slice(0, limit),
    clear: () => void calls.splice(0),
  };
}

/** One log line a request, even without an answer: never the whole key, never a body. */
export function logCalls(log: Logger): RequestHandler {
  return (req, res, next) => {
    const { method, path } = readCall(req);
    res.once('close', () => {
      log.info({ method, path, key: keyPrefix(req), status: statusOf(res) }, 'call');
    });
    next();
  };
}

/** Records every call that gets this far: calls to Dojo's paths and to unknown paths. */
export function recordApiCalls({ calls, clock }: { calls: ApiCalls; clock: Clock }): RequestHandler {
  return (req, res, next) => {
    const call = readCall(req);
    const at = clock.now();
    const startedMs = performance.now();
    res.once('close', () => {
      const status = statusOf(res);
      calls.add({
        ...call,
        at,
        keyPrefix: keyPrefix(req),
        status,
        problem: status === null ? null : ((res.locals.problem as string | undefined) ?? null),
        faults: (res.locals.faults as readonly ApiFaultKind[] | undefined) ?? [],
        latencyMs: Math.round(performance.now() - startedMs),
      });
    });
    next();
  };
}

/** Must run before a router shortens the path. */
function readCall(req: Request) {
  const { method, path } = req;
  const version = req.get('version');
  return {
    method,
    path: shorten(path),
    operation: findOperation(method, path)?.operation ?? null,
    version: version === undefined ? null : shorten(version),
  };
}

/** Null before an answer begins. */
function statusOf(res: Response): number | null {
  return res.headersSent ? res.statusCode : null;
}

const maxLength = 200;

/** Also cuts off API keys, which a confused client may send anywhere. */
function shorten(text: string): string {
  return text.slice(0, maxLength).replace(/(sk_[a-z]+_)[^/]*/gi, '$1…');
}
