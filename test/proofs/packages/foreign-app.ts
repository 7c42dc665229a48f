import { equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDojoClient } from 'dojo-client';
import { statusUpdatedEvent } from 'dojo-client/webhook';
import { createShop } from 'dojo-web-shop';
import express from 'express';
import session from 'express-session';
import { payOnPage } from './pay-on-page.ts';

// An Express app that was there first: its own session, body parser, routes and 404 page. The shop is mounted at its root.

declare module 'express-session' {
  interface SessionData {
    visits: number;
  }
}

const [apiUrl = ''] = process.argv.slice(2);
const app = express();
const server = createServer(app).listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const dojo = createDojoClient({ apiUrl, apiKey: 'sk_sandbox_proof' });
const { secrets } = await dojo.createSubscription({
  events: [statusUpdatedEvent],
  url: `${url}/webhooks/dojo`,
});
const shop = await createShop({
  DOJO_API_KEY: 'sk_sandbox_proof',
  DOJO_API_URL: apiUrl,
  DOJO_CHECKOUT_ORIGIN: apiUrl,
  DOJO_WEBHOOK_SECRETS: secrets.map(({ value }) => value).join(','),
  DATABASE_URL: 'sqlite:data/orders.db',
  PUBLIC_URL: url,
  SESSION_SECRET: 'the session secret of the proof, 32+',
  LOG_LEVEL: 'error',
});

app.use(shop.router);
app.use(session({ secret: 'of the other app', resave: false, saveUninitialized: false }));
app.use(express.json());
app.get('/visits', (req, res) => {
  req.session.visits = (req.session.visits ?? 0) + 1;
  res.json({ visits: req.session.visits });
});
app.post('/echo', (req, res) => {
  res.json(req.body);
});
app.use((_req, res) => {
  res.status(404).send('The other app has no such page.');
});

const cookies = new Map<string, string>();

equal(await (await open('/visits')).text(), '{"visits":1}');
const home = await open('/');
const [, sku = ''] = /name="sku" value="([^"]+)"/.exec(await home.text()) ?? [];
ok(sku, 'The home page shows no product.');
ok((await open('/static/shop.css')).ok, 'The style sheet is not there.');
equal((await open('/basket', { sku, quantity: '1' })).status, 303);
const summary = await (await open('/checkout')).text();
const [, checkoutKey = ''] = /name="checkoutKey" value="([^"]+)"/.exec(summary) ?? [];
const [, expectedTotal = ''] = /name="expectedTotal" value="([^"]+)"/.exec(summary) ?? [];
const details = {
  ...{ email: 'ada@example.com', name: 'Ada Lovelace', phone: '', note: '' },
  ...{ line1: '12 St James Square', line2: '', town: 'London', postcode: 'SW1Y 4JH', country: 'GB' },
};
const placed = await open('/checkout', { checkoutKey, expectedTotal, ...details });
equal(placed.status, 303);

const returnUrl = new URL((await payOnPage(placed.headers.get('location') ?? '')) ?? '');
equal((await open(returnUrl.pathname + returnUrl.search)).status, 200);
await untilPaid(`/orders/${returnUrl.pathname.split('/').at(-1)}`);
say(`bought "${sku}" in a foreign Express app that mounts dojo-web-shop`);

equal(await (await open('/visits')).text(), '{"visits":2}');
const echo = await fetch(`${url}/echo`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"a":1}',
});
equal(await echo.text(), '{"a":1}');
const missing = await open('/nowhere');
equal(missing.status, 404);
match(await missing.text(), /^The other app has no such page/);
say('the foreign app keeps its session, body parser, routes and 404 page');

await dojo.close();
server.close();
server.closeAllConnections();
await shop.close();
say('the shop closed');

/** One request of a browser without JavaScript: keeps cookies, follows nothing. */
async function open(path: string, form?: Record<string, string>): Promise<Response> {
  const response = await fetch(url + path, {
    redirect: 'manual',
    headers: {
      accept: 'text/html',
      cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
    },
    ...(form && { method: 'POST', body: new URLSearchParams(form) }),
  });
  for (const cookie of response.headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
    cookies.set(name, value);
  }
  return response;
}

/** The webhook makes the order paid, and may come after the browser. */
async function untilPaid(path: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const order = await (await fetch(url + path, { headers: { accept: 'application/json' } })).text();
    if (order.includes('"status":"paid"')) return;
    if (Date.now() > deadline) throw new Error(`The order is not paid after a minute: ${order}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function say(what: string): void {
  process.stdout.write(`${what}\n`);
}
