import type { Request, RequestHandler, Response } from 'express';
import type { Settings } from '../settings.ts';
import { Problem } from './problem.ts';
import { type ApiRelease, apiReleases, findRelease } from './releases.ts';

// The credential follows `Basic` as it is: no Base64, no user name (docs.dojo.tech, authentication).
const credentialPattern = /^Basic +(\S+)$/i;
const keyPattern = /^sk_[a-z]+_./i;

export function requireApiKey({ isKnownKey }: { isKnownKey: (key: string) => boolean }): RequestHandler {
  return (req, _res, next) => {
    const key = readApiKey(req);
    if (key === null || !isKnownKey(key)) throw new Problem(401, describeKeyError(key));
    next();
  };
}

/** Requires a version and puts the release that it names into `res.locals.apiRelease`. */
export function requireApiVersion({ settings }: { settings: () => Settings }): RequestHandler {
  return (req, res, next) => {
    const isLenient = settings().missingVersion === 'newest';
    const release = findRelease(req.get('version')) ?? (isLenient ? apiReleases.at(-1) : null);
    if (!release) throw new Problem(400, { Version: ['The version header must be a date, YYYY-MM-DD.'] });
    res.locals.apiRelease = release;
    next();
  };
}

export function apiReleaseOf(res: Response): ApiRelease {
  return res.locals.apiRelease as ApiRelease;
}

/** Says what kind of key is wrong, never the key itself nor a good one. */
function describeKeyError(key: string | null): string {
  if (key === null)
    return 'Send the header "Authorization: Basic sk_sandbox_…", the key as it is, without Base64.';
  if (key.startsWith('sk_sandbox_')) return 'The simulator does not know this key.';
  return 'This is a simulator: it accepts sk_sandbox_ keys only. Never send it a live key.';
}

/** Just enough of a sandbox key to tell two apart in a log; only the kind of any other key. */
export function keyPrefix(req: Request): string | null {
  const key = readApiKey(req);
  if (key === null) return null;
  return key.startsWith('sk_sandbox_')
    ? key.slice(0, Math.min(15, key.length - 2))
    : (/^sk_[a-z]+_/i.exec(key)?.[0] ?? null);
}

/** What follows `Basic` in the Authorization header; null if the header has another form. */
export function readCredential(req: Request): string | null {
  return credentialPattern.exec(req.get('authorization') ?? '')?.[1] ?? null;
}

function readApiKey(req: Request): string | null {
  const credential = readCredential(req);
  return credential !== null && keyPattern.test(credential) ? credential : null;
}
