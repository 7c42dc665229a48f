import type { Request, RequestHandler, Response } from 'express';
import type { Parts } from '../parts.ts';
import { type Problem, sendProblem } from './problem.ts';
import { type ApiRelease, apiReleases, resolveApiVersion } from './version.ts';

// The credential as it is, after `Basic`: no Base64, no user name (docs.dojo.tech, authentication).
const credentialPattern = /^Basic +(\S+)$/i;
const keyPattern = /^sk_[a-z]+_./i;

/** Lets a call pass that has a known key and a version; `response.locals.apiRelease` is the release it asks for. */
export function requireApiAccess(parts: Parts): RequestHandler {
  const requireVersion = requireApiVersion(parts);
  return (request, response, next) => {
    const key = readApiKey(request);
    if (key !== null && parts.isKnownKey(key)) requireVersion(request, response, next);
    else sendProblem(response, describeKeyFault(key));
  };
}

/** Lets a call pass that has a version, whatever it is authorised with. */
export function requireApiVersion({ settings }: Parts): RequestHandler {
  return (request, response, next) => {
    const isLenient = settings().missingVersion === 'newest';
    const release = resolveApiVersion(request.get('version')) ?? (isLenient ? apiReleases.at(-1) : null);
    if (!release) return sendProblem(response, versionProblem);
    response.locals.apiRelease = release;
    next();
  };
}

/** The release that the call has asked for. */
export function apiReleaseOf(response: Response): ApiRelease {
  return response.locals.apiRelease as ApiRelease;
}

const versionProblem: Problem = {
  status: 400,
  errors: { Version: ['The version header must be a date, YYYY-MM-DD.'] },
};

/** Says what is wrong with the kind of key, never what the key is or what a good one would be. */
function describeKeyFault(key: string | null): Problem {
  if (key === null)
    return {
      status: 401,
      detail: 'Send the header "Authorization: Basic sk_sandbox_…", the key as it is, without Base64.',
    };
  if (key.startsWith('sk_sandbox_')) return { status: 401, detail: 'The simulator does not know this key.' };
  return {
    status: 401,
    detail: 'This is a simulator: it takes sk_sandbox_ keys only. Never send it a live key.',
  };
}

/** Enough of the key to tell two apart in a log, and no more. A key of another kind gives its kind alone. */
export function keyPrefix(request: Request): string | null {
  const key = readApiKey(request);
  if (key === null) return null;
  return key.startsWith('sk_sandbox_')
    ? key.slice(0, Math.min(15, key.length - 2))
    : (/^sk_[a-z]+_/i.exec(key)?.[0] ?? null);
}

/** What follows `Basic` in the header; null where there is nothing of that form. */
export function readCredential(request: Request): string | null {
  return credentialPattern.exec(request.get('authorization') ?? '')?.[1] ?? null;
}

function readApiKey(request: Request): string | null {
  const credential = readCredential(request);
  return credential !== null && keyPattern.test(credential) ? credential : null;
}
