import type { RequestHandler, Response } from 'express';
import helmet from 'helmet';
import type { Config } from '../config.ts';
import { HttpProblem } from './problem.ts';

/** Refuses every host but our own. Without `PUBLIC_URL` there is none to compare with. */
export function onlyOwnHost({ http }: Config): RequestHandler {
  const { host } = new URL(http.publicUrl);
  return (req, _res, next) => {
    const hosts = req.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
    const isOwn = req.headers.host === host && hosts.length === 1 && req.url.startsWith('/');
    if (http.hasPublicUrl && !isOwn) throw new HttpProblem(400);
    next();
  };
}

export function securityHeaders({ http, dojo }: Config): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        scriptSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
        // Chrome applies form-action to the redirect after the POST, so the payment page must be in it.
        formAction: ["'self'", dojo.checkoutOrigin],
      },
    },
    strictTransportSecurity: http.publicUrl.startsWith('https:'),
    // No other site learns the address of an order.
    referrerPolicy: { policy: 'same-origin' },
    // Our pages navigate to Dojo's origin, and no other site embeds them.
    crossOriginOpenerPolicy: { policy: 'same-origin' },
  });
}

/**
 * Refuses forms of other sites. Browsers say where a request comes from; programs say nothing. `Sec-Fetch-Site` counts
 * first: browsers send the Origin `null` from our own pages under some referrer policies.
 */
export function onlyOwnForms({ http }: Config): RequestHandler {
  return (req, _res, next) => {
    if (req.method === 'GET' || req.method === 'HEAD' || req.method === 'OPTIONS') return next();
    const { 'sec-fetch-site': site, origin } = req.headers;
    const own = http.hasPublicUrl ? http.publicUrl : `http://${req.headers.host}`;
    const isOwn = site === undefined ? origin === undefined || origin === own : site === 'same-origin';
    if (!isOwn) throw new HttpProblem(403);
    next();
  };
}

/** No cache keeps an order's page, and no search engine lists it. */
export function orderPageHeaders(res: Response): void {
  res.set({ 'Cache-Control': 'no-store', 'X-Robots-Tag': 'noindex' });
}
