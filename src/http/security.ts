import { isIPv6 } from 'node:net';
import type { RequestHandler, Response } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { Context } from '../context.ts';
import { logEvent } from '../log.ts';
import { HttpProblem } from './problem.ts';

/** Headers by which proxies name the browser's address, host and scheme. */
const forwardingHeaders = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
];

/** Gives Express the addresses of `X-Forwarded-For` in one spelling each. Warns once if proxies speak and none is trusted. */
export function readForwarding({ http }: Config, log: Logger): RequestHandler {
  let isWarned = http.trustProxy !== false;
  return (req, _res, next) => {
    const { headers } = req;
    if (!isWarned && forwardingHeaders.some((name) => headers[name] !== undefined)) {
      isWarned = true;
      logEvent(log, 'forwardingIgnored');
    }
    const addresses = headers['x-forwarded-for'];
    if (typeof addresses === 'string')
      headers['x-forwarded-for'] = addresses.split(',').map(plainAddress).join(', ');
    next();
  };
}

/** Without port and brackets, which some proxies add, and as IPv4 if it is one: otherwise each port would be another client. */
function plainAddress(text: string): string {
  const quoted = text.trim().replace(/^"(.*)"$/, '$1');
  const address = quoted.replace(/^\[(.*)\](?::\d+)?$/, '$1').replace(/^(\d+(?:\.\d+){3}):\d+$/, '$1');
  if (!isIPv6(address)) return address;
  // Compressed and in hexadecimal, whatever it was.
  const ipv6 = URL.parse(`http://[${address.split('%', 1)[0]}]`)?.hostname.slice(1, -1) ?? address;
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(ipv6) ?? [];
  if (high === undefined || low === undefined) return ipv6;
  return [high, low]
    .map((part) => Number.parseInt(part, 16))
    .flatMap((part) => [part >> 8, part & 0xff])
    .join('.');
}

/** Refuses every host but our own. Without `PUBLIC_URL` there is none to compare with. */
export function onlyOwnHost({ http }: Config, log: Logger): RequestHandler {
  const { host, protocol } = new URL(http.publicUrl);
  const defaultPort = protocol === 'https:' ? /:(?:443)?$/ : /:(?:80)?$/;
  let quietUntil = 0;

  return (req, _res, next) => {
    if (!http.hasPublicUrl) return next();
    const hosts = req.rawHeaders.filter(
      (_value, index, all) => index % 2 === 1 && all[index - 1]?.toLowerCase() === 'host',
    );
    const [named = ''] = hosts;
    const isOwn = hosts.length === 1 && named.toLowerCase().replace(defaultPort, '') === host;
    if (isOwn && req.url.startsWith('/')) return next();
    if (!isOwn && performance.now() >= quietUntil) {
      quietUntil = performance.now() + 60_000;
      logEvent(log, 'hostRefused', { host: printable(hosts.join(' and ')), expectedHost: host });
    }
    throw new HttpProblem(400);
  };
}

/** Any text of a stranger's, for the log: short, and nothing that a terminal would obey. */
function printable(text: string): string {
  return text
    .slice(0, 100)
    .replace(/[^\x20-\x7e]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
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
    // Other hosts of the merchant's domain are not ours to bind.
    strictTransportSecurity: http.publicUrl.startsWith('https:') && { includeSubDomains: false },
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
export function onlyOwnForms({ http }: Config, log: Logger): RequestHandler {
  return (req, res, next) => {
    if (req.method === 'GET' || req.method === 'HEAD' || req.method === 'OPTIONS') return next();
    const { 'sec-fetch-site': site, origin } = req.headers;
    const own = http.hasPublicUrl ? http.publicUrl : `http://${req.headers.host}`;
    const isOwn = site === undefined ? origin === undefined || origin === own : site === 'same-origin';
    if (isOwn) return next();
    logEvent(log, 'crossSiteRefused', {
      requestId: res.locals.requestId,
      origin: printable(origin ?? ''),
      site: printable(String(site ?? '')),
    });
    throw new HttpProblem(403);
  };
}

const daysOfContact = 180;

/** `/.well-known/security.txt` (RFC 9116): to whom a weakness is reported. */
export function securityTxt({ config, now }: Context, contact: string): RequestHandler {
  return (_req, res) => {
    const expires = new Date(now().getTime() + daysOfContact * 86_400_000);
    const canonical = `${config.http.publicUrl}/.well-known/security.txt`;
    res
      .type('text')
      .send(
        `Contact: ${contact}\nExpires: ${expires.toISOString()}\nPreferred-Languages: en\nCanonical: ${canonical}\n`,
      );
  };
}

/** No cache keeps an order's page, and no search engine lists it. */
export function orderPageHeaders(res: Response): void {
  res.set({ 'Cache-Control': 'no-store', 'X-Robots-Tag': 'noindex' });
}
