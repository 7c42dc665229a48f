import type { RequestHandler } from 'express';
import { sendProblem } from '../api/problem.ts';
import { isLoopback } from '../environment.ts';

/**
 * Keeps other sites away from what controls the simulator, which listens where a developer's browser can reach it: no
 * host name but this machine's and that of the public address (a name that was rebound to this machine is neither), and no
 * form of another site. Programs say nothing about where they come from, and pass.
 */
export function onlyThisMachine(publicUrl: () => string): RequestHandler {
  return (request, response, next) => {
    const host = readHost(request.rawHeaders);
    if (host === null || !(isLoopback(host.hostname) || host.hostname === new URL(publicUrl()).hostname)) {
      sendProblem(response, {
        status: 400,
        detail: 'The control interface answers to localhost and to the host of --public-url only.',
      });
      return;
    }
    const isUnsafe = !['GET', 'HEAD', 'OPTIONS'].includes(request.method);
    const { origin, 'sec-fetch-site': site } = request.headers;
    const isForeign =
      site === 'cross-site' ||
      site === 'same-site' ||
      (origin !== undefined && ![host.origin, new URL(publicUrl()).origin].includes(origin));
    if (isUnsafe && isForeign) {
      sendProblem(response, { status: 403, detail: 'Another site must not control the simulator.' });
      return;
    }
    // With `no-referrer` a browser would send `Origin: null` with the forms of these pages.
    response.set({ 'referrer-policy': 'same-origin', vary: 'Accept' });
    next();
  };
}

/** What the one Host header names; null where there is none, or another, or it is no host and port. */
function readHost(rawHeaders: readonly string[]): URL | null {
  const hosts = rawHeaders.filter(
    (_, index) => rawHeaders[index - 1]?.toLowerCase() === 'host' && index % 2 === 1,
  );
  const [host = ''] = hosts;
  if (hosts.length !== 1 || !/^[\w.:[\]-]+$/.test(host) || !URL.canParse(`http://${host}`)) return null;
  return new URL(`http://${host}`);
}
