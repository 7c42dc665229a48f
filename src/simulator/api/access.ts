import type { NextFunction, Request, Response } from 'express';
import { type Problem, sendProblem } from './problem.ts';
import { resolveApiVersion } from './version.ts';

// The key as it is, after `Basic`: no Base64, no user name (docs.dojo.tech, authentication).
const keyPattern = /^Basic +(sk_[A-Za-z]+_\S+)$/i;

/** Lets a call pass that has a sandbox key and a version; `response.locals.apiRelease` is the release it asks for. */
export function requireApiAccess(request: Request, response: Response, next: NextFunction): void {
  const release = resolveApiVersion(request.get('version'));
  const problem = keyProblem(readApiKey(request)) ?? (release === null ? versionProblem : null);
  if (problem !== null) {
    sendProblem(response, problem);
    return;
  }
  response.locals.apiRelease = release;
  next();
}

const versionProblem: Problem = {
  status: 400,
  errors: { Version: ['The version header must be a date, YYYY-MM-DD.'] },
};

function keyProblem(key: string | null): Problem | null {
  if (key === null)
    return {
      status: 401,
      detail: 'Send the header "Authorization: Basic sk_sandbox_…", the key as it is, without Base64.',
    };
  if (key.startsWith('sk_sandbox_')) return null;
  return {
    status: 401,
    detail: 'This is a simulator: it takes sk_sandbox_ keys only. Never send it a live key.',
  };
}

/** Enough of the key to tell two apart in a log, and no more. A key of another kind gives its kind alone. */
export function keyPrefix(request: Request): string | null {
  const key = readApiKey(request);
  if (key === null) return null;
  return key.startsWith('sk_sandbox_') ? key.slice(0, 15) : (/^sk_[a-z]+_/i.exec(key)?.[0] ?? null);
}

function readApiKey(request: Request): string | null {
  return keyPattern.exec(request.get('authorization') ?? '')?.[1] ?? null;
}
