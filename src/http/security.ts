import type { RequestHandler } from 'express';
import helmet from 'helmet';
import { HttpProblem } from './problem.ts';

export type SecuritySettings = {
  readonly publicUrl: string;
  /** True where the shop answers to one name only. */
  readonly hasPublicUrl: boolean;
  readonly checkoutOrigin: string;
};

/** Answers no other host than our own. Without `PUBLIC_URL` there is none to compare with. */
export function onlyOwnHost(settings: SecuritySettings): RequestHandler {
  const { host } = new URL(settings.publicUrl);
  return (req, _res, next) => {
    const hosts = req.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
    const isOwn = req.headers.host === host && hosts.length === 1 && req.url.startsWith('/');
    if (settings.hasPublicUrl && !isOwn) throw new HttpProblem(400);
    next();
  };
}

export function securityHeaders(settings: SecuritySettings): RequestHandler {
  const isHttps = settings.publicUrl.startsWith('https:');
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
        formAction: ["'self'", settings.checkoutOrigin],
      },
    },
    strictTransportSecurity: isHttps,
    referrerPolicy: { policy: 'same-origin' },
    // Dojo's page is another origin that our pages navigate to, and nothing of ours is embedded elsewhere.
    crossOriginOpenerPolicy: { policy: 'same-origin' },
  });
}

/** Forms of other sites act for no shopper. Browsers say where a request comes from; programs say nothing. */
export function onlyOwnForms(settings: SecuritySettings): RequestHandler {
  return (req, _res, next) => {
    if (req.method === 'GET' || req.method === 'HEAD' || req.method === 'OPTIONS') return next();
    const site = req.headers['sec-fetch-site'];
    const own = settings.hasPublicUrl ? settings.publicUrl : `http://${req.headers.host}`;
    const { origin } = req.headers;
    const isForeign =
      site === 'cross-site' || site === 'same-site' || (origin !== undefined && origin !== own);
    if (isForeign) throw new HttpProblem(403);
    next();
  };
}
