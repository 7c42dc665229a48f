import request from 'supertest';
import { afterEach, expect, test } from 'vitest';
import { type OpenShop, openShop, type ShopOptions } from '../support/shop.ts';

let shop: OpenShop;
afterEach(() => shop.close());

const open = async (options: ShopOptions = {}) => {
  shop = await openShop(options);
  return request(shop.app);
};

test('a forged webhook, a refused host and a form of another site are events of their own, beside the request', async () => {
  const agent = await open({ env: { PUBLIC_URL: 'https://shop.example' } });
  await agent.post('/webhooks/dojo').set('dojo-signature', 'sha256=00').send('{}').expect(401);
  await agent.get('/').set('Host', 'evil.example').expect(400);
  const foreign = { Host: 'shop.example', 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' };
  const refused = await agent.post('/basket').set(foreign).type('form').send('sku=x').expect(403);
  expect(shop.log.map(({ event }) => event)).toEqual([
    ...['webhookSignatureInvalid', 'request', 'hostRefused', 'request', 'crossSiteRefused', 'request'],
  ]);
  expect(shop.log.find(({ event }) => event === 'crossSiteRefused')).toMatchObject({
    level: 'warn',
    requestId: refused.get('X-Request-Id'),
    site: 'cross-site',
    origin: 'https://evil.example',
  });
});

test('security.txt says to whom a weakness is reported, and expires within a year', async () => {
  const env = { PUBLIC_URL: 'https://shop.example', SECURITY_CONTACT: 'mailto:security@shop.example' };
  const agent = await open({ env, context: { now: () => new Date('2026-11-25T12:00:00Z') } });
  const { text, type } = await agent.get('/.well-known/security.txt').set('Host', 'shop.example').expect(200);
  expect(type).toBe('text/plain');
  expect(text.trimEnd().split('\n')).toEqual([
    'Contact: mailto:security@shop.example',
    'Expires: 2027-05-24T12:00:00.000Z',
    'Preferred-Languages: en',
    'Canonical: https://shop.example/.well-known/security.txt',
  ]);
});

test('a shop that names no one has no security.txt', async () => {
  const agent = await open();
  await agent.get('/.well-known/security.txt').expect(404);
});
