import { request } from 'undici';
import { describe, expect, test, vi } from 'vitest';
import { createSimulator, type Simulator } from '../../src/simulator/create-simulator.ts';
import { defaultSettings, type Settings, settingNames } from '../../src/simulator/settings.ts';
import {
  apiHeaders,
  callApi,
  cards,
  createIntent,
  createStoppedClock,
  getIntent,
  startReceiver,
  startSimulator,
  submitForm,
  subscribe,
} from './support.ts';

type Sent = { headers?: Record<string, string>; body?: unknown; form?: Record<string, string> };

/** One request to the control interface: JSON as a program sends it, or a form as a browser does. */
async function control(simulator: Simulator, line: string, { headers = {}, body, form }: Sent = {}) {
  const [method, path] = line.split(' ');
  const response = await request(simulator.url + path, {
    method: method as 'GET',
    headers: {
      ...(form && { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    body: form ? new URLSearchParams(form).toString() : body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.body.text();
  const isJson = String(response.headers['content-type']).includes('json');
  return {
    status: response.statusCode,
    location: response.headers.location,
    headers: response.headers,
    text,
    // biome-ignore lint/suspicious/noExplicitAny: each test says what it expects of the reply.
    body: (isJson ? JSON.parse(text) : undefined) as any,
  };
}

const html = { accept: 'text/html' };
const pages = [
  '/',
  '/simulator/payment-intents',
  '/simulator/deliveries',
  '/simulator/calls',
  '/simulator/ledger',
  '/simulator/faults',
  '/simulator/clock',
  '/simulator/settings',
];

async function pay(simulator: Simulator, change: object = {}, card = cards.success): Promise<string> {
  const { id } = await createIntent(simulator, change);
  await submitForm(simulator, `/checkout/${id}`, card);
  return id;
}

describe('settings', () => {
  test('can be read and changed one by one, and apply from the next call on', async () => {
    const simulator = await startSimulator();
    expect((await control(simulator, 'GET /simulator/settings')).body).toEqual(defaultSettings);
    const id = await pay(simulator, { config: { redirectUrl: 'http://shop.example/done' } });
    const changed = await control(simulator, 'PATCH /simulator/settings', { body: { returnQuery: 'none' } });
    expect(changed).toMatchObject({ status: 200, body: { ...defaultSettings, returnQuery: 'none' } });
    expect(simulator.settings().returnQuery).toBe('none');
    const second = await createIntent(simulator, { config: { redirectUrl: 'http://shop.example/done' } });
    const paid = await submitForm(simulator, `/checkout/${second.id}`, cards.success);
    expect(paid.location).toBe('http://shop.example/done');
    expect(id).not.toBe(second.id);
    expect((await control(simulator, 'DELETE /simulator/settings')).body).toEqual(defaultSettings);
  });

  test('that do not exist are refused by name, with the choices, and nothing changes', async () => {
    const simulator = await startSimulator();
    const refused = await control(simulator, 'PATCH /simulator/settings', {
      body: { returnQuery: 'elsewhere', refundAge: '180-days', colour: 'red' },
    });
    expect(refused).toMatchObject({
      status: 400,
      body: { errors: { returnQuery: ['must be one of merged, id, none'] } },
    });
    expect(refused.body.errors.colour).toEqual([`is not one of ${settingNames.join(', ')}`]);
    expect(simulator.settings()).toEqual(defaultSettings);
  });

  test('that do not exist are refused in code too, at the start and later', async () => {
    const wrong = { returnQuery: 'elsewhere' } as unknown as Partial<Settings>;
    const words = /^returnQuery must be one of merged, id, none$/;
    await expect(createSimulator({ settings: wrong })).rejects.toThrow(words);
    const simulator = await startSimulator();
    expect(() => simulator.changeSettings(wrong)).toThrow(words);
    expect(simulator.settings()).toEqual(defaultSettings);
  });

  test('can be changed and restored with the form of the page', async () => {
    const simulator = await startSimulator();
    const saved = await control(simulator, 'POST /simulator/settings', {
      form: { ...defaultSettings, webhookRetries: 'none' },
    });
    expect(saved).toMatchObject({ status: 303, location: '/simulator/settings?done=saved' });
    expect(simulator.settings()).toEqual({ ...defaultSettings, webhookRetries: 'none' });
    await control(simulator, 'POST /simulator/settings/defaults', { form: {} });
    expect(simulator.settings()).toEqual(defaultSettings);
  });
});

describe('faults', () => {
  test('can be switched on, happen, are listed with their count, and can be switched off', async () => {
    const simulator = await startSimulator();
    const added = await control(simulator, 'POST /simulator/faults', {
      body: { kind: 'status', operation: 'list-webhook-events', status: 503 },
    });
    expect(added).toMatchObject({ status: 201, body: { id: 'fault_1', kind: 'status', happened: 0 } });
    const call = () => request(`${simulator.url}/webhooks/events`, { headers: apiHeaders });
    expect((await call()).statusCode).toBe(503);
    const { body } = await control(simulator, 'GET /simulator/faults');
    expect(body).toMatchObject({ seed: 1, faults: [{ id: 'fault_1', happened: 1 }] });
    expect(body.kinds.api.hang).toContain('no answer');
    expect(body.kinds.webhook.drop).toContain('never');
    expect(body.sentinels).toContainEqual({
      amount: 424204,
      fault: expect.objectContaining({ kind: 'drop' }),
    });
    expect((await control(simulator, 'DELETE /simulator/faults/fault_1')).status).toBe(204);
    expect((await control(simulator, 'DELETE /simulator/faults/fault_1')).status).toBe(404);
    expect((await call()).statusCode).toBe(200);
  });

  test('can be replaced all at once, and the same seed repeats the run', async () => {
    const simulator = await startSimulator();
    const plan = {
      seed: 11,
      faults: [{ kind: 'status', operation: 'list-webhook-events', status: 500, chance: 0.5 }],
    };
    async function run(): Promise<number[]> {
      const begun = await control(simulator, 'PUT /simulator/faults', { body: plan });
      expect(begun.body).toMatchObject({ seed: 11, faults: [{ id: 'fault_1', happened: 0 }] });
      const statuses: number[] = [];
      for (let index = 0; index < 20; index += 1) {
        const { statusCode, body } = await request(`${simulator.url}/webhooks/events`, {
          headers: apiHeaders,
        });
        await body.dump();
        statuses.push(statusCode);
      }
      return statuses;
    }
    const first = await run();
    expect(new Set(first)).toEqual(new Set([200, 500]));
    expect(await run()).toEqual(first);
  });

  test.each([
    [{ kind: 'explode' }, 'kind', /^must be one of latency, status, /],
    [{}, 'kind', /^must be one of latency, /],
    [{ kind: 'hang', operation: 'pay' }, 'operation', /^must be one of create-payment-intent, /],
    [{ kind: 'hang', chance: 2 }, 'chance', /^must be 1 or less$/],
    [{ kind: 'hang', times: 0.5 }, 'times', /whole number/],
    [{ kind: 'hang', times: 0 }, 'times', /^must be more than 0$/],
    [{ kind: 'drop', operation: 'create-refund' }, 'operation', /^must be left out for a webhook, /],
    [
      { kind: 'wrong-amount', operation: 'create-refund' },
      'operation',
      /^must be a call whose answer has an/,
    ],
    [{ kind: 'hang', amount: 1 }, 'amount', /^is not one of kind, operation, /],
    [[], 'body', /JSON object/],
    [null, 'body', /JSON object/],
  ])('like %j are refused by field', async (body, field, message) => {
    const simulator = await startSimulator();
    const refused = await control(simulator, 'POST /simulator/faults', { body });
    expect(refused.status).toBe(400);
    expect(refused.headers['content-type']).toContain('application/problem+json');
    expect(refused.body.errors[field]).toEqual([expect.stringMatching(message)]);
    expect(simulator.faults.list()).toEqual([]);
  });

  test('with one error in a list leave the active faults alone', async () => {
    const simulator = await startSimulator();
    await control(simulator, 'POST /simulator/faults', { body: { kind: 'hang' } });
    const refused = await control(simulator, 'PUT /simulator/faults', {
      body: { seed: 5, faults: [{ kind: 'drop' }, { kind: 'dorp' }] },
    });
    expect(refused.body.errors).toEqual({ 'faults.1.kind': [expect.stringContaining('must be one of')] });
    expect(simulator.faults.list()).toMatchObject([{ kind: 'hang' }]);
    expect(simulator.faults.seed()).toBe(1);
  });

  test('come from a form with empty fields left out and numbers parsed', async () => {
    const simulator = await startSimulator();
    const empty = { paymentIntentId: '', chance: '', times: '', delayMs: '', retryAfterSeconds: '' };
    const added = await control(simulator, 'POST /simulator/faults', {
      form: { ...empty, kind: 'status', operation: '', status: ' 503 ', takesEffect: 'true' },
    });
    expect(added).toMatchObject({ status: 303, location: '/simulator/faults?done=switched-on' });
    expect(simulator.faults.list()).toMatchObject([
      { kind: 'status', status: 503, takesEffect: true, chance: 1 },
    ]);
    await control(simulator, 'POST /simulator/faults/fault_1/delete', { form: {} });
    expect(simulator.faults.list()).toEqual([]);
    await control(simulator, 'POST /simulator/faults/reset', { form: { seed: '9' } });
    expect(simulator.faults.seed()).toBe(9);
  });

  test('come back in the form with the errors and what was typed', async () => {
    const simulator = await startSimulator();
    const evil = '"><img src=x>';
    const page = await control(simulator, 'POST /simulator/faults', {
      form: { kind: 'hang', chance: evil, status: '99' },
    });
    expect(page.status).toBe(400);
    expect(page.text).toContain('<a href="#chance">Chance must be a number</a>');
    expect(page.text).toContain('<a href="#status">Status must be 400 or more</a>');
    expect(page.text).toContain('value="99"');
    const webhook = await control(simulator, 'POST /simulator/faults', {
      form: { kind: 'drop', operation: 'create-refund' },
    });
    expect(webhook.text).toContain('API call must be left out for a webhook, which belongs to no call; give');
    expect(page.text).toContain('&lt;img src=x&gt;');
    expect(page.text).not.toContain('<img');
  });
});

describe('the clock', () => {
  test('can be read, set, advanced, stopped and started', async () => {
    const simulator = await startSimulator({ clock: createStoppedClock() });
    const move = async (body: unknown) => (await control(simulator, 'POST /simulator/clock', { body })).body;
    expect((await control(simulator, 'GET /simulator/clock')).body).toMatchObject({
      now: '2026-11-22T10:00:00.000Z',
      isStopped: true,
    });
    expect(await move({ advanceMs: 1500 })).toMatchObject({ now: '2026-11-22T10:00:01.500Z' });
    expect(await move({ advance: '1.00:00:00' })).toMatchObject({ now: '2026-11-23T10:00:01.500Z' });
    expect(await move({ now: '2027-01-01' })).toMatchObject({ now: '2027-01-01T00:00:00.000Z' });
    expect(await move({ now: '2027-01-01T02:00:00+02:00', advance: '00:00:01' })).toMatchObject({
      now: '2027-01-01T00:00:01.000Z',
    });
    expect(await move({ isStopped: false })).toMatchObject({ isStopped: false });
    const stopped = await move({ now: '2030-01-01T00:00:00Z', isStopped: true });
    expect(stopped).toMatchObject({ now: '2030-01-01T00:00:00.000Z', isStopped: true });
    await move({ now: 'machine' });
    expect(Math.abs(simulator.clock.now().getTime() - Date.now())).toBeLessThan(60_000);
  });

  test('answers after everything that falls due on the way', async () => {
    const simulator = await startSimulator();
    const { id } = await createIntent(simulator);
    await control(simulator, 'POST /simulator/clock', { form: { advance: '30.00:00:00' } });
    expect(await getIntent(simulator, id)).toMatchObject({ status: 'Canceled' });
  });

  test.each([
    [{ now: 'tomorrow' }, 'now', /2026-11-22T10:00:00Z/],
    [{ now: '9999-12-31' }, 'now', /from 1970-01-01 to 9000-01-01/],
    [{ advance: 'a day' }, 'advance', /^must be dd\.hh:MM:ss/],
    [{ advance: 1000 }, 'advance', /^must be dd\.hh:MM:ss, like 1\.00:00:00 for a day$/],
    [{ advanceMs: -1 }, 'advanceMs', /0 or more/],
    [{ advanceMs: 1, advance: '00:00:01' }, 'advance', /together/],
    [{ advanceMs: Number.MAX_SAFE_INTEGER }, 'advance', /9000/],
    [{ isStopped: 'yes' }, 'isStopped', /true or false/],
    [{ speed: 2 }, 'speed', /not one of now, advance, advanceMs, isStopped/],
  ])('refuses %j and does not move', async (body, field, message) => {
    const simulator = await startSimulator({ clock: createStoppedClock() });
    const refused = await control(simulator, 'POST /simulator/clock', { body });
    expect(refused.status).toBe(400);
    expect(refused.body.errors).toEqual({ [field]: [expect.stringMatching(message)] });
    expect(simulator.clock.now()).toEqual(new Date('2026-11-22T10:00:00Z'));
    const page = await control(simulator, 'POST /simulator/clock', { body, headers: html });
    expect(page).toMatchObject({ status: 400, text: expect.stringContaining('There is a problem') });
    const form = await control(simulator, 'POST /simulator/clock?', { form: { constructor: '1' } });
    expect(form.text).toContain('<a href="#clock">constructor is not one of now, ');
  });
});

describe('lists', () => {
  test('have the balance and movements of every card in the ledger', async () => {
    const simulator = await startSimulator();
    const id = await pay(simulator);
    await pay(simulator, { captureMode: 'Manual' }, cards.success);
    await callApi(simulator, {
      method: 'POST',
      path: `/payment-intents/${id}/refunds`,
      body: { amount: 234 },
      headers: { ...apiHeaders, idempotencyKey: 'key-1' },
    });
    const { body } = await control(simulator, 'GET /simulator/ledger');
    expect(body.balances).toEqual([
      {
        maskedNumber: '52000000****1005',
        scheme: 'MASTERCARD',
        currencyCode: 'GBP',
        charged: 1234,
        refunded: 234,
        reserved: 1234,
      },
    ]);
    expect(body.balances).toEqual(simulator.ledger());
    expect(body.total).toBe(3);
    expect(
      body.movements.map(({ kind, amount }: { kind: string; amount: number }) => [kind, amount]),
    ).toEqual(
      expect.arrayContaining([
        ['charged', 1234],
        ['reserved', 1234],
        ['refunded', 234],
      ]),
    );
    const one = await control(simulator, 'GET /simulator/ledger?limit=1');
    expect(one.body).toMatchObject({ total: 3, movements: [{ paymentIntentId: id, kind: 'refunded' }] });
  });

  test('show intents, calls and deliveries newest first, up to the limit', async () => {
    const simulator = await startSimulator();
    const receiver = await startReceiver();
    await subscribe(simulator, receiver.url, ['payment_intent.created']);
    const first = await createIntent(simulator, { reference: 'ORD-1' });
    const second = await createIntent(simulator, { reference: 'ORD-2' });
    await receiver.next();
    await receiver.next();
    const intents = (await control(simulator, 'GET /simulator/payment-intents')).body;
    expect(intents.total).toBe(2);
    expect(intents.data).toMatchObject([{ id: second.id, reference: 'ORD-2' }, { id: first.id }]);
    expect(intents.data[0].page).toBe(`${simulator.publicUrl}/checkout/${second.id}`);
    const limited = (await control(simulator, 'GET /simulator/payment-intents?limit=1')).body;
    expect(limited).toMatchObject({ total: 2, data: [{ id: second.id }] });
    const calls = (await control(simulator, 'GET /simulator/calls')).body;
    expect(calls.data[0]).toMatchObject({
      method: 'POST',
      path: '/payment-intents',
      operation: 'create-payment-intent',
      keyPrefix: 'sk_sandbox_test',
      status: 200,
    });
    const deliveries = (await control(simulator, 'GET /simulator/deliveries')).body;
    expect(deliveries.total).toBe(2);
    expect(deliveries.data[0]).toMatchObject({ event: 'payment_intent.created', paymentIntentId: second.id });
    expect(JSON.parse(deliveries.data[0].body).data.paymentIntentId).toBe(second.id);
  });

  test('distinguish deliveries about one intent by their status', async () => {
    const simulator = await startSimulator();
    const receiver = await startReceiver();
    await subscribe(simulator, receiver.url, ['payment_intent.created', 'payment_intent.status_updated']);
    simulator.faults.add({ kind: 'unknown-event', times: 1 });
    await pay(simulator);
    for (let count = 0; count < 3; count += 1) await receiver.next();
    const { data } = (await control(simulator, 'GET /simulator/deliveries')).body;
    const statuses = ['Captured', 'Undocumented', 'Created'];
    expect(data.map(({ paymentStatus }: { paymentStatus: string }) => paymentStatus)).toEqual(statuses);
    const page = await control(simulator, 'GET /simulator/deliveries', { headers: html });
    const shown = [...page.text.matchAll(/<dt>Status<\/dt> <dd>(\w+)</g)].map(([, status]) => status);
    expect(shown).toEqual(statuses);
  });

  test.each(['0', '-1', '9e9', 'all', '1.5', '10001'])('refuse a limit of %s', async (limit) => {
    const simulator = await startSimulator();
    for (const list of ['payment-intents', 'deliveries', 'calls', 'ledger']) {
      const refused = await control(simulator, `GET /simulator/${list}?limit=${limit}`);
      expect(refused).toMatchObject({ status: 400, body: { errors: { limit: [expect.any(String)] } } });
    }
  });

  test('can send a delivery again, from a program and from the page', async () => {
    const simulator = await startSimulator();
    const receiver = await startReceiver();
    await subscribe(simulator, receiver.url);
    await pay(simulator);
    const first = await receiver.next();
    await vi.waitFor(() => expect(simulator.deliveries()[0]?.state).toBe('delivered'));
    const [delivery] = simulator.deliveries();
    const path = `/simulator/deliveries/${delivery?.id}/redeliver`;
    const again = await control(simulator, `POST ${path}`);
    expect(again).toMatchObject({ status: 200, body: { status: 200, error: null } });
    expect((await receiver.next()).body).toEqual(first.body);
    const form = await control(simulator, `POST ${path}`, { form: { from: 'overview' } });
    expect(form).toMatchObject({ status: 303, location: '/?done=sent' });
    expect((await receiver.next()).body).toEqual(first.body);
    const unknown = await control(simulator, 'POST /simulator/deliveries/evt_unknown/redeliver');
    expect(unknown.status).toBe(404);
  });

  test('can be emptied, and settings, faults and time stay', async () => {
    const simulator = await startSimulator({ clock: createStoppedClock() });
    const receiver = await startReceiver();
    await subscribe(simulator, receiver.url);
    const id = await pay(simulator);
    await receiver.next();
    await control(simulator, 'POST /simulator/faults', { body: { kind: 'drop' } });
    await control(simulator, 'PATCH /simulator/settings', { body: { returnQuery: 'id' } });
    expect((await control(simulator, 'POST /simulator/reset')).status).toBe(204);
    expect(simulator.paymentIntents()).toEqual([]);
    expect(simulator.deliveries()).toEqual([]);
    expect(simulator.apiCalls()).toEqual([]);
    expect(simulator.ledger()).toEqual([]);
    expect(simulator.faults.list()).toHaveLength(1);
    expect(simulator.settings().returnQuery).toBe('id');
    expect(simulator.clock.isStopped()).toBe(true);
    const gone = await callApi(simulator, { method: 'GET', path: `/payment-intents/${id}` });
    expect(gone.status).toBe(404);
  });
});

describe('access', () => {
  const unsafe = [
    'POST /simulator/reset',
    'POST /simulator/clock',
    'PATCH /simulator/settings',
    'PUT /simulator/faults',
    'DELETE /simulator/faults/fault_1',
  ];

  test.each([
    ['cross-site', { 'sec-fetch-site': 'cross-site' }],
    ['same-site', { 'sec-fetch-site': 'same-site' }],
    ['another origin', { origin: 'http://evil.example' }],
    ['another port', { origin: 'http://localhost:1' }],
    ['no origin that it would name', { origin: 'null' }],
  ])('is refused for forms of other sites: %s', async (_what, headers) => {
    const simulator = await startSimulator({ clock: createStoppedClock() });
    await createIntent(simulator);
    for (const line of unsafe) {
      const refused = await control(simulator, line, { headers, form: { advance: '30.00:00:00' } });
      expect([line, refused.status]).toEqual([line, 403]);
    }
    expect(simulator.paymentIntents()).toMatchObject([{ status: 'Created' }]);
  });

  test('is open to its own pages, and to programs that send no origin', async () => {
    const simulator = await startSimulator();
    const own = { origin: simulator.url, 'sec-fetch-site': 'same-origin' };
    for (const headers of [own, { 'sec-fetch-site': 'none' }, {}]) {
      expect((await control(simulator, 'POST /simulator/reset', { headers })).status).toBe(204);
    }
  });

  test.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'evil', 'a@localhost', ''])(
    'is refused for another name that leads to this machine: %s',
    async (host) => {
      const simulator = await startSimulator();
      for (const path of pages) {
        const refused = await control(simulator, `GET ${path}`, { headers: { ...html, host } });
        expect([path, refused.status]).toEqual([path, 400]);
        expect(refused.text).not.toContain('evil');
      }
      expect((await control(simulator, 'POST /simulator/reset', { headers: { host } })).status).toBe(400);
    },
  );

  test('is open under the names of this machine and of the public address', async () => {
    const simulator = await startSimulator({ publicUrl: 'https://pay.dev.example/' });
    for (const host of ['localhost:4000', 'dojo.localhost', '127.0.0.2', '[::1]:9', 'pay.dev.example']) {
      expect((await control(simulator, 'GET /simulator/clock', { headers: { host } })).status).toBe(200);
    }
    const proxied = { host: 'pay.dev.example', origin: 'https://pay.dev.example' };
    expect((await control(simulator, 'POST /simulator/reset', { headers: proxied })).status).toBe(204);
  });

  test.each(['{"now":', 'hello', '{"now":"2026-11-22"} x'])(
    'is refused for %s, which is not JSON',
    async (text) => {
      const simulator = await startSimulator();
      const { statusCode, body } = await request(`${simulator.url}/simulator/clock`, {
        method: 'POST',
        body: text,
      });
      expect(statusCode).toBe(400);
      expect(await body.json()).toMatchObject({ detail: 'The body must be JSON.' });
    },
  );

  test('reads JSON with any Content-Type, as from curl -d', async () => {
    const simulator = await startSimulator();
    const { statusCode } = await request(`${simulator.url}/simulator/clock`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: '*/*' },
      body: '{"isStopped":true}',
    });
    expect(statusCode).toBe(200);
    expect(simulator.clock.isStopped()).toBe(true);
  });
});

describe('pages', () => {
  test.each(pages)(
    '%s is a page for browsers that is never cached and changes nothing when opened',
    async (path) => {
      const simulator = await startSimulator();
      const evil = '"><img src=x onerror=alert(1)>';
      await pay(simulator, { reference: evil });
      const page = await control(simulator, `GET ${path}?done=%22%3E%3Cimg`, { headers: html });
      expect(page.status).toBe(200);
      expect(page.headers).toMatchObject({
        'content-type': expect.stringContaining('text/html'),
        'cache-control': 'no-store',
        'referrer-policy': 'same-origin',
        'content-security-policy': expect.stringContaining("default-src 'none'"),
      });
      expect(page.text).not.toContain('<img');
      expect(page.text).not.toContain('<script');
      expect(simulator.paymentIntents()).toHaveLength(1);
    },
  );

  test.each(pages.slice(1))('%s is JSON for programs', async (path) => {
    const simulator = await startSimulator();
    const reply = await control(simulator, `GET ${path}`);
    expect(reply.status).toBe(200);
    expect(reply.headers['content-type']).toContain('application/json');
    expect(reply.headers.vary).toContain('Accept');
  });

  test('have their style sheets', async () => {
    const simulator = await startSimulator();
    for (const path of ['/simulator.css', '/simulator-control.css']) {
      const reply = await control(simulator, `GET ${path}`);
      expect(reply.headers['content-type']).toContain('text/css');
    }
  });

  test('start at /simulator, which redirects to the control page', async () => {
    const simulator = await startSimulator();
    for (const headers of [html, {}])
      expect(await control(simulator, 'GET /simulator', { headers })).toMatchObject({
        status: 303,
        location: '/',
      });
  });

  test('that do not exist are a 404 that lists those that do', async () => {
    const simulator = await startSimulator();
    let detail = '';
    for (const line of ['GET /simulator/secrets', 'PUT /simulator/clock', 'GET /simulator/reset']) {
      const refused = await control(simulator, line);
      expect([line, refused.status]).toEqual([line, 404]);
      detail = refused.body.detail;
    }
    expect(simulator.apiCalls()).toEqual([]);
    const lines = (/It has: (.+)\.$/.exec(detail)?.[1] ?? '').split('; ').flatMap((entry) => {
      const [, methods = '', path] = /^([A-Z, ]+) (\/.+)$/.exec(entry) ?? [];
      return methods.split(', ').map((method) => `${method} ${path}`);
    });
    expect(lines).toHaveLength(15);
    for (const line of lines) {
      const { body } = await control(simulator, line, line.startsWith('GET ') ? {} : { body: {} });
      expect([line, body?.detail]).not.toEqual([line, detail]);
    }
  });
});
