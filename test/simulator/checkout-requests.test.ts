import { request } from 'undici';
import { expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import { cards, createIntent, getIntent, openPage, startSimulator, submitForm } from './support.ts';

const form = { 'content-type': 'application/x-www-form-urlencoded' };

async function send(
  simulator: Simulator,
  path: string,
  { method = 'GET', headers = {}, body = null }: { method?: string; headers?: object; body?: string | null },
) {
  const response = await request(simulator.url + path, {
    method: method as 'GET',
    headers: headers as Record<string, string>,
    body,
  });
  return {
    status: response.statusCode,
    type: response.headers['content-type'],
    csp: String(response.headers['content-security-policy']),
    allow: response.headers.allow,
    html: await response.body.text(),
  };
}

test.each<[string, number, string, { method?: string; headers?: object; body?: string }]>([
  ['an id of another form', 404, '/checkout/x', {}],
  ['an id with a NUL', 404, '/checkout/pi_sandbox_%00', {}],
  ['an id with a broken percent-encoding', 400, '/checkout/%ZZ', {}],
  ['an id that is not UTF-8', 400, '/checkout/%C3%28', {}],
  ['no id', 404, '/checkout', {}],
  ['no id behind the slash', 404, '/checkout/', {}],
  ['a name that every object has', 404, '/checkout/__proto__', {}],
  ['a path that climbs', 404, '/checkout/..%2f..%2fetc%2fpasswd', {}],
  ['a deeper path', 404, '/checkout/ID/more/and/more', {}],
  ['a path in capitals', 400, '/CHECKOUT/%ZZ', {}],
  ['a challenge of an unknown intent', 404, '/checkout/pi_x/challenge/ch_1', {}],
  ['a challenge that is no percent-encoding', 400, '/checkout/ID/challenge/%E0%A4%A', {}],
  [
    'a body that is too long',
    413,
    '/checkout/ID',
    { method: 'POST', headers: form, body: `a=${'x'.repeat(40_000)}` },
  ],
  ['too many fields', 413, '/checkout/ID', { method: 'POST', headers: form, body: 'a=1&'.repeat(61) }],
  [
    'JSON',
    415,
    '/checkout/ID',
    { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' },
  ],
  ['a body without a type', 415, '/checkout/ID', { method: 'POST', body: 'cardNumber=1' }],
  [
    'a character set that no browser sends',
    415,
    '/checkout/ID',
    { method: 'POST', headers: { 'content-type': `${form['content-type']}; charset=utf-7` }, body: 'a=1' },
  ],
  [
    'a body that does not match its encoding',
    400,
    '/checkout/ID',
    { method: 'POST', headers: { ...form, 'content-encoding': 'gzip' }, body: 'a=1' },
  ],
  ['another method', 405, '/checkout/ID', { method: 'PUT', headers: form, body: 'a=1' }],
  ['another method on a challenge', 405, '/checkout/ID/challenge/ch_1', { method: 'DELETE' }],
])('%s gets %i and a page', async (_name, status, path, call) => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  const answer = await send(simulator, path.replace('ID', id), call);
  expect(answer.status).toBe(status);
  expect(answer.type).toBe('text/html; charset=utf-8');
  expect(answer.csp).toContain("default-src 'none'");
  expect(answer.html).toContain('Pretend Pay');
  expect(answer.html).not.toMatch(/%ZZ|node_modules|at .*\.[jt]s/);
  if (status === 405) expect(answer.allow).toBe('GET, HEAD, POST');
  expect((await getIntent(simulator, id)).paymentEvents).toEqual([]);
});

test('HEAD and GET of the page change nothing', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  const before = await getIntent(simulator, id);
  expect((await send(simulator, `/checkout/${id}?decision=approve`, { method: 'HEAD' })).status).toBe(200);
  expect((await openPage(simulator, `/checkout/${id}?cardNumber=5200000000001005`)).status).toBe(200);
  expect(await getIntent(simulator, id)).toEqual(before);
});

test.each(['__proto__', 'constructor', 'toString', 'ch_unknown'])(
  'a challenge named %s does not exist, so the shopper goes to the form',
  async (challengeId) => {
    const simulator = await startSimulator();
    const { id } = await createIntent(simulator);
    const path = `/checkout/${id}/challenge/${challengeId}`;
    expect(await openPage(simulator, path)).toMatchObject({ status: 303, location: `/checkout/${id}` });
    const answered = await submitForm(simulator, path, { decision: 'approve' });
    expect(answered).toMatchObject({ status: 303, location: `/checkout/${id}` });
    expect(await getIntent(simulator, id)).toMatchObject({ status: 'Created', paymentEvents: [] });
  },
);

test('a challenge sent with neither button asks again', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  const asked = await submitForm(simulator, `/checkout/${id}`, cards.challenge);
  for (const fields of [{}, { decision: 'maybe' }]) {
    const answer = await submitForm(simulator, asked.location ?? '', fields as Record<string, string>);
    expect(answer).toMatchObject({ status: 303, location: asked.location });
  }
  expect((await getIntent(simulator, id)).status).toBe('Created');
});

test('a field that comes twice counts as empty', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  const body = `${new URLSearchParams(cards.success)}&cardNumber=4111111111111111`;
  const page = await send(simulator, `/checkout/${id}`, { method: 'POST', headers: form, body });
  expect(page.status).toBe(400);
  expect(page.html).toContain('Enter your card number');
});
