import { expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import { findOperation, type Operation, operations } from '../../src/simulator/operations.ts';
import * as contract from '../data/dojo-contract.ts';
import { examples } from '../data/dojo-examples.ts';
import { createContractDocument } from '../support/contract-document.ts';
import { describeDocument, withoutUnread } from '../support/describe-document.ts';
import { published, readPublished } from '../support/openapi.ts';
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
  /** Creates what the call needs, and returns its path. */
  readonly arrange: (simulator: Simulator) => Call | Promise<Call>;
  /** The body to send if the specification has no example, or one that its own schema refuses. */
  readonly body?: object;
  /** Members of the example's reply that the simulator leaves out, with the reason. */
  readonly unanswered?: readonly [why: string, ...members: string[]];
  /** Why the example of a request is refused, where its own schema refuses it. */
  readonly brokenExample?: string;
};

/** One successful call of every operation that the simulator serves. */
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
    unanswered: ['other texts of messages are not published', '.message'],
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
    unanswered: ['it has not been used', '.secrets[0].lastUsedAt'],
  },
  'delete-webhook': {
    method: 'DELETE',
    arrange: async (simulator) => ({ path: `/webhooks/${(await subscribe(simulator, shopUrl)).id}` }),
  },
  'list-webhook-secrets': {
    method: 'GET',
    arrange: async (simulator) => ({ path: `/webhooks/${(await subscribe(simulator, shopUrl)).id}/secrets` }),
    unanswered: ['it has not been used', '.secrets[0].lastUsedAt'],
  },
  'create-webhook-secret': {
    method: 'POST',
    arrange: async (simulator) => ({ path: `/webhooks/${(await subscribe(simulator, shopUrl)).id}/secrets` }),
    unanswered: ['it has not been used', '.secrets[0].lastUsedAt'],
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

test('every operation that is served succeeds as the contract says', async () => {
  const succeeded: string[] = [];
  for (const [operation, exercise] of Object.entries<Exercise>(exercises)) {
    const simulator = await startSimulator();
    const { method } = exercise;
    const call = await exercise.arrange(simulator);
    expect(findOperation(method, call.path)?.operation).toBe(operation);
    // `callApi` checks the reply against the contract.
    const { status } = await callApi(simulator, { method, ...call, body: exercise.body });
    expect({ operation, status }).toEqual({ operation, status: openApi.successStatus(method, call.path) });
    succeeded.push(operation);
  }
  expect(succeeded.toSorted()).toEqual(operations.toSorted());
});

test('the contract has exactly the operations that are served', () => {
  const served = Object.keys(contract.operations).map((call) => {
    const [method = '', path = ''] = call.split(' ');
    return findOperation(method, path)?.operation;
  });
  expect(served.toSorted()).toEqual(operations.toSorted());
});

test.each(examples)('an example succeeds: $operation $name', async ({ operation, request, response }) => {
  const { method, arrange }: Exercise = exercises[operation];
  const simulator = await startSimulator();
  const call = await arrange(simulator);
  expect(openApi.requestProblems({ method, path: call.path, body: request })).toEqual([]);
  const reply = await callApi(simulator, { method, ...call, body: request });
  expect(reply.status).toBe(openApi.successStatus(method, call.path));
  expect(differences(response, reply.body)).toEqual([]);
});

test('every published example is accepted and answered as published, unless its own schema refuses it', async () => {
  const examplesSeen: string[] = [];
  for (const [operation, exercise] of Object.entries<Exercise>(exercises)) {
    const { method } = exercise;
    const path = (await exercise.arrange(await startSimulator())).path;
    for (const { name, request, response } of published?.examples(method, path) ?? []) {
      const simulator = await startSimulator();
      const call = await exercise.arrange(simulator);
      const isBroken =
        request !== undefined && published?.requestProblems({ method, path, body: request }).length !== 0;
      expect({ operation, name, isBroken }).toEqual({
        operation,
        name,
        isBroken: exercise.brokenExample !== undefined,
      });
      const reply = await callApi(simulator, { method, ...call, body: request ?? exercise.body });
      const status = isBroken ? 400 : published?.successStatus(method, path);
      expect({ operation, name, status: reply.status }).toEqual({ operation, name, status });
      const [, ...unanswered] = exercise.unanswered ?? [''];
      const missing = isBroken ? unanswered : differences(response, reply.body);
      expect({ operation, name, missing }).toEqual({ operation, name, missing: unanswered });
      examplesSeen.push(`${operation} ${name}`);
    }
  }
  if (published === null) return;
  expect(examplesSeen).toContain('create-payment-intent Manual');
  expect(examplesSeen).toContain('send-receipt example');
  expect(examplesSeen.length).toBeGreaterThan(20);
});

test('the contract says what the published specification says, where that is at hand', () => {
  const document = readPublished();
  const calls = Object.keys(contract.operations);
  const ours = describeDocument(createContractDocument(), calls);
  expect(Object.keys(ours).length).toBeGreaterThan(500);
  if (document === null) return;
  expect(ours).toEqual(withoutUnread(describeDocument(document, calls), ours));
  const callsOf = ([path, item]: [string, object]) =>
    Object.keys(item)
      .filter((method) => /^(get|post|put|patch|delete)$/.test(method))
      .map((method) => `${method.toUpperCase()} ${path}`);
  const known = [...calls, ...contract.otherOperations];
  expect(known.toSorted()).toEqual(Object.entries(document.paths).flatMap(callsOf).toSorted());
});

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

test('an operation that only Dojo serves is refused with another message than an unknown one', async () => {
  const simulator = await startSimulator();
  for (const call of contract.otherOperations) {
    const [method = '', template = ''] = call.split(' ');
    const path = template.replace(/\{\w+\}/g, 'id');
    const reply = await callApi(simulator, { method, path, offSpec: true });
    expect({ call, status: reply.status }).toEqual({ call, status: 404 });
    expect(reply.contentType).toContain('application/problem+json');
    expect(reply.body.detail).toContain('the simulator does not serve it');
  }
  const unknown = await callApi(simulator, { method: 'GET', path: '/nowhere', offSpec: true });
  expect(unknown.body.detail).toBeUndefined();
});
