import { expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import { findOperation, type Operation, operations } from '../../src/simulator/operations.ts';
import {
  apiHeaders,
  callApi,
  cards,
  createIntent,
  openApi,
  startSimulator,
  submitForm,
  subscribe,
} from './support.ts';

const shopUrl = 'https://shop.example/webhooks/dojo';
const body = { amount: 2000 };
const changeable = { config: { payment: { customAmountAllowed: true, tipsAllowed: true } } };

type Call = { path: string; headers?: Record<string, string> };
type Exercise = {
  readonly method: string;
  /** Makes what the call needs, and says where it goes. */
  readonly arrange: (simulator: Simulator) => Call | Promise<Call>;
  /** What is sent where the specification has no example, or one that its own schema refuses. */
  readonly body?: object;
  /** Members of the example's reply that are not answered, with the reason. */
  readonly unanswered?: readonly [why: string, ...members: string[]];
  /** Why the example of a request is refused, where its own schema refuses it. */
  readonly brokenExample?: string;
};

/** Every operation that the simulator serves, done once with success. */
const exercises = {
  'create-payment-intent': {
    method: 'POST',
    arrange: () => ({ path: '/payment-intents' }),
    body: { amount: { value: 1000, currencyCode: 'GBP' }, reference: 'Order 234' },
  },
  'search-payment-intents': {
    method: 'POST',
    arrange: async (simulator) => {
      await pay(simulator);
      return { path: '/payment-intents/search' };
    },
    body: {},
  },
  'get-refund': {
    method: 'GET',
    async arrange(simulator) {
      const path = `/payment-intents/${await pay(simulator)}/refunds`;
      const headers = { ...apiHeaders, idempotencyKey: 'k' };
      const sent = { amount: 1, refundReason: 'Demo refund' };
      const { refundId } = (await callApi(simulator, { method: 'POST', path, body: sent, headers })).body;
      return { path: `/payment-intents/refunds/${refundId}` };
    },
  },
  'get-payment-intent': {
    method: 'GET',
    async arrange(simulator) {
      const { id } = await createIntent(simulator, { description: 'Demo payment intent' });
      await callApi(simulator, {
        method: 'POST',
        path: `/payment-intents/${id}/refresh-client-session-secret`,
      });
      await submitForm(simulator, `/checkout/${id}`, cards.success);
      return { path: `/payment-intents/${id}` };
    },
  },
  'cancel-payment-intent': {
    method: 'DELETE',
    async arrange(simulator) {
      const { id } = await createIntent(simulator, { description: 'Demo payment intent' });
      await callApi(simulator, {
        method: 'POST',
        path: `/payment-intents/${id}/refresh-client-session-secret`,
      });
      return { path: `/payment-intents/${id}` };
    },
  },
  'create-capture': {
    method: 'POST',
    arrange: async (simulator) => ({
      path: `/payment-intents/${await pay(simulator, { captureMode: 'Manual' })}/captures`,
    }),
    body,
    unanswered: ['nobody has published what else messages say', '.message'],
  },
  'create-refund': {
    method: 'POST',
    arrange: async (simulator) => ({
      path: `/payment-intents/${await pay(simulator)}/refunds`,
      headers: { ...apiHeaders, idempotencyKey: 'k' },
    }),
    body,
  },
  'create-reversal': {
    method: 'POST',
    arrange: async (simulator) => ({ path: `/payment-intents/${await pay(simulator)}/reversal` }),
    unanswered: ['the schema has reversalId in its place', '.id'],
  },
  'set-amount': {
    method: 'POST',
    arrange: async (simulator) => ({ path: `/payment-intents/${await createChangeable(simulator)}/amount` }),
    body: { amount: { value: 5500, currencyCode: 'GBP' } },
  },
  'set-tips-amount': {
    method: 'POST',
    arrange: async (simulator) => ({
      path: `/payment-intents/${await createChangeable(simulator)}/tips-amount`,
    }),
    body: { tipsAmount: { value: 500, currencyCode: 'GBP' } },
    brokenExample: 'it is the money itself, which the schema has in tipsAmount',
  },
  'send-receipt': {
    method: 'POST',
    arrange: async (simulator) => ({ path: `/payment-intents/${await pay(simulator)}/receipt` }),
    body: { emails: ['shopper@shop.example'] },
  },
  'refresh-client-session-secret': {
    method: 'POST',
    arrange: async (simulator) => {
      const { id } = await createIntent(simulator, { description: 'Demo payment intent' });
      return { path: `/payment-intents/${id}/refresh-client-session-secret` };
    },
  },
  'list-webhook-events': { method: 'GET', arrange: () => ({ path: '/webhooks/events' }) },
  'list-webhooks': {
    method: 'GET',
    async arrange(simulator) {
      await subscribe(simulator, shopUrl);
      return { path: '/webhooks' };
    },
    unanswered: ['the schema has a list of what the example shows one of', ''],
  },
  'create-webhook': {
    method: 'POST',
    arrange: () => ({ path: '/webhooks' }),
    body: { events: ['payment_intent.created'], url: shopUrl },
    unanswered: ['the request gives none', '.description', '.secrets[0].lastUsedAt'],
  },
  'update-webhook': {
    method: 'PATCH',
    async arrange(simulator) {
      const path = `/webhooks/${(await subscribe(simulator, shopUrl)).id}`;
      await callApi(simulator, { method: 'PATCH', path, body: { description: 'Demo Webhooks' } });
      return { path };
    },
    body: { description: 'Other Webhooks' },
    unanswered: ['nobody has used it', '.secrets[0].lastUsedAt'],
  },
  'delete-webhook': {
    method: 'DELETE',
    arrange: async (simulator) => ({ path: `/webhooks/${(await subscribe(simulator, shopUrl)).id}` }),
  },
  'list-webhook-secrets': {
    method: 'GET',
    arrange: async (simulator) => ({ path: `/webhooks/${(await subscribe(simulator, shopUrl)).id}/secrets` }),
    unanswered: ['nobody has used it', '.secrets[0].lastUsedAt'],
  },
  'create-webhook-secret': {
    method: 'POST',
    arrange: async (simulator) => ({ path: `/webhooks/${(await subscribe(simulator, shopUrl)).id}/secrets` }),
    unanswered: ['nobody has used it', '.secrets[0].lastUsedAt'],
  },
  'activate-webhook-secret': {
    method: 'PUT',
    async arrange(simulator) {
      const { id, secrets } = await subscribe(simulator, shopUrl);
      return { path: `/webhooks/${id}/secrets/${secrets[0].id}/activate` };
    },
  },
  'delete-webhook-secret': {
    method: 'DELETE',
    async arrange(simulator) {
      const { id, secrets } = await subscribe(simulator, shopUrl);
      return { path: `/webhooks/${id}/secrets/${secrets[0].id}` };
    },
  },
  'create-customer': { method: 'POST', arrange: () => ({ path: '/customers' }), body: { name: 'Alex' } },
  'search-customers': {
    method: 'POST',
    async arrange(simulator) {
      await createCustomer(simulator);
      return { path: '/customers/search' };
    },
    body: {},
  },
  'get-customers': {
    method: 'GET',
    arrange: async (simulator) => ({ path: `/customers/${await createCustomer(simulator)}` }),
  },
  'update-customer': {
    method: 'PATCH',
    arrange: async (simulator) => ({ path: `/customers/${await createCustomer(simulator)}` }),
    body: { phoneNumber: '078976534161' },
  },
  'delete-customer': {
    method: 'DELETE',
    arrange: async (simulator) => ({ path: `/customers/${await createCustomer(simulator)}` }),
  },
  'create-customer-secret': {
    method: 'POST',
    arrange: async (simulator) => ({ path: `/customers/${await createCustomer(simulator)}/create-secret` }),
  },
  'list-payment-methods': {
    method: 'GET',
    arrange: (simulator) => arrangeSavedCard(simulator).then(({ path, headers }) => ({ path, headers })),
  },
  'delete-payment-method': {
    method: 'DELETE',
    async arrange(simulator) {
      const { path, headers, cardId } = await arrangeSavedCard(simulator);
      return { path: `${path}/${cardId}`, headers };
    },
  },
} satisfies Record<Operation, Exercise>;

async function pay(simulator: Simulator, change: object = {}, typed: object = {}): Promise<string> {
  const { id } = await createIntent(simulator, { amount: { value: 2000, currencyCode: 'GBP' }, ...change });
  await submitForm(simulator, `/checkout/${id}`, { ...cards.success, ...typed });
  return id;
}

async function createChangeable(simulator: Simulator): Promise<string> {
  return (await createIntent(simulator, { description: 'Demo payment intent', ...changeable })).id;
}

async function createCustomer(simulator: Simulator): Promise<string> {
  const details = { name: 'Alex', emailAddress: 'alex@shop.example' };
  return (await callApi(simulator, { method: 'POST', path: '/customers', body: details })).body.id;
}

async function arrangeSavedCard(simulator: Simulator) {
  const id = await createCustomer(simulator);
  const made = await callApi(simulator, { method: 'POST', path: `/customers/${id}/create-secret` });
  const { secret } = made.body;
  await pay(
    simulator,
    { paymentMethods: ['Card', 'SavedCard'], customer: { id, secret } },
    { saveCard: 'on' },
  );
  const path = `/customers/public/${id}/payment-methods`;
  const headers = { ...apiHeaders, authorization: `Basic ${secret}` };
  const { savedPaymentMethods } = (await callApi(simulator, { method: 'GET', path, headers })).body;
  return { path, headers, cardId: savedPaymentMethods[0].id };
}

test.runIf(openApi)('every operation that is served succeeds as the specification says', async () => {
  const succeeded: string[] = [];
  for (const [operation, exercise] of Object.entries<Exercise>(exercises)) {
    const simulator = await startSimulator();
    const { method } = exercise;
    const call = await exercise.arrange(simulator);
    expect(findOperation(method, call.path)?.operation).toBe(operation);
    // The reply is held against the specification on the way.
    const { status } = await callApi(simulator, { method, ...call, body: exercise.body });
    expect({ operation, status }).toEqual({ operation, status: openApi?.successStatus(method, call.path) });
    succeeded.push(operation);
  }
  expect(succeeded.toSorted()).toEqual(operations.toSorted());
});

test.runIf(openApi)(
  'every example is accepted and answered in kind, unless its own schema refuses it',
  async () => {
    const examplesSeen: string[] = [];
    for (const [operation, exercise] of Object.entries<Exercise>(exercises)) {
      const { method } = exercise;
      const path = (await exercise.arrange(await startSimulator())).path;
      for (const { name, request, response } of openApi?.examples(method, path) ?? []) {
        const simulator = await startSimulator();
        const call = await exercise.arrange(simulator);
        const isBroken =
          request !== undefined && openApi?.requestFaults({ method, path, body: request }).length !== 0;
        expect({ operation, name, isBroken }).toEqual({
          operation,
          name,
          isBroken: exercise.brokenExample !== undefined,
        });
        const reply = await callApi(simulator, { method, ...call, body: request ?? exercise.body });
        const status = isBroken ? 400 : openApi?.successStatus(method, path);
        expect({ operation, name, status: reply.status }).toEqual({ operation, name, status });
        const [, ...unanswered] = exercise.unanswered ?? [''];
        const missing = isBroken ? unanswered : differences(response, reply.body);
        expect({ operation, name, missing }).toEqual({ operation, name, missing: unanswered });
        examplesSeen.push(`${operation} ${name}`);
      }
    }
    expect(examplesSeen).toContain('create-payment-intent Manual');
    expect(examplesSeen).toContain('send-receipt example');
    expect(examplesSeen.length).toBeGreaterThan(20);
  },
);

/** Members whose content is the merchant's own. */
const contentsAside = ['branding', 'metadata', 'events'];

/** What the reply does not have, or has as another type, of the members that the example has. */
function differences(example: unknown, reply: unknown, path = ''): string[] {
  if (example === undefined || example === null) return [];
  if (Array.isArray(example) && Array.isArray(reply)) {
    return example.length === 0 || reply.length === 0 ? [] : differences(example[0], reply[0], `${path}[0]`);
  }
  if (typeof example !== 'object' || Array.isArray(example))
    return typeof example === typeof reply ? [] : [path];
  if (typeof reply !== 'object' || reply === null || Array.isArray(reply)) return [path];
  return Object.entries(example).flatMap(([name, member]) => {
    const found = (reply as Record<string, unknown>)[name];
    return contentsAside.includes(name) && found !== undefined
      ? []
      : differences(member, found, `${path}.${name}`);
  });
}

test.runIf(openApi)(
  'what Dojo has and the simulator does not is told apart from what nobody has',
  async () => {
    const simulator = await startSimulator();
    const unserved = (openApi?.operations() ?? []).filter(
      ({ method, path }) => findOperation(method, path) === null,
    );
    const groups = new Set(unserved.map(({ path }) => path.split('/')[1]));
    expect(groups).toEqual(
      new Set(['payment-intents', 'setup-intents', 'terminals', 'terminal-sessions', 'epos']),
    );
    for (const { method, path } of unserved) {
      const reply = await callApi(simulator, { method, path: path.replace(/\{\w+\}/g, 'id'), offSpec: true });
      expect({ method, path, status: reply.status }).toEqual({ method, path, status: 404 });
      expect(reply.contentType).toContain('application/problem+json');
      expect(reply.body.detail).toContain('the simulator does not serve it');
    }
    const unknown = await callApi(simulator, { method: 'GET', path: '/nowhere', offSpec: true });
    expect(unknown.body.detail).toBeUndefined();
  },
);
