import { request as httpRequest } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createDojoClient, type DojoClient } from '../../src/dojo/client.ts';
import type { DojoErrorKind } from '../../src/dojo/errors.ts';
import type { CreatePaymentIntentRequest } from '../../src/dojo/schemas.ts';
import { createSimulator, type Simulator } from '../../src/simulator/create-simulator.ts';
import { apiKey, type Received, startServer } from './support.ts';

export const gbp = (value: number) => ({ value, currencyCode: 'GBP' });

export type Scene = {
  readonly dojo: DojoClient;
  readonly simulator: Simulator;
  /** What the client sent, as it came over the socket. */
  readonly received: readonly Received[];
  /** The id of an intent for £12.34. */
  createIntent(change?: Partial<CreatePaymentIntentRequest>): Promise<string>;
  /** The same, once the shopper has paid on the hosted page. */
  createPaidIntent(change?: Partial<CreatePaymentIntentRequest>): Promise<string>;
  pay(id: string, fields?: Record<string, string>): Promise<void>;
};

/** One call of the client against the simulator. `ids` are what `prepare` gives; the first is the resource's. */
export type CallRow = {
  /** The simulator's name for it. */
  readonly operation: string;
  readonly name: string;
  prepare?(scene: Scene): Promise<string[]>;
  call(dojo: DojoClient, ids: string[]): Promise<unknown>;
  arrives(ids: string[]): {
    method: string;
    url: string;
    body?: unknown;
    headers?: Record<string, string>;
  };
  readonly gives?: unknown;
  /** Minor units on the shopper's card afterwards. */
  readonly ledger?: { charged: number; refunded: number; reserved: number };
  readonly refusal?: {
    call(dojo: DojoClient): Promise<unknown>;
    readonly kind: DojoErrorKind;
    readonly status: number;
  };
};

export function describeCalls(rows: readonly CallRow[]): void {
  describe.each(rows)('$name', (row) => {
    test('reaches the simulator as one request, and gives its answer', async () => {
      const scene = await openScene();
      const ids = (await row.prepare?.(scene)) ?? [];
      const before = scene.received.length;
      expect(await row.call(scene.dojo, ids)).toEqual(row.gives);

      const { method, url, body, headers } = row.arrives(ids);
      expect(scene.received.slice(before)).toEqual([
        expect.objectContaining({
          method,
          url,
          body: body === undefined ? '' : JSON.stringify(body),
          headers: expect.objectContaining({
            authorization: `Basic ${apiKey}`,
            version: '2026-02-27',
            ...headers,
          }),
        }),
      ]);
      expect(scene.simulator.apiCalls()[0]?.operation).toBe(row.operation);
      if (row.ledger) expect(scene.simulator.ledger()).toEqual([expect.objectContaining(row.ledger)]);
    });

    const { refusal } = row;
    if (refusal === undefined) return;
    test('is refused with a kind, a status and a trace id', async () => {
      const { dojo } = await openScene();
      await expect(refusal.call(dojo)).rejects.toMatchObject({
        name: 'DojoError',
        kind: refusal.kind,
        status: refusal.status,
        isAmbiguous: false,
        traceId: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
      });
    });
  });
}

/** A client and a simulator on real sockets, and between them a server that keeps what passes. */
export async function openScene(): Promise<Scene> {
  const simulator = await createSimulator();
  onTestFinished(() => simulator.close());
  const { url, received } = await startServer((response, request) => {
    const sent = received.at(-1);
    const { method, headers } = request;
    const onward = httpRequest(simulator.url + sent?.url, { method: method ?? 'GET', headers, agent: false });
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.end(sent?.body);
  });
  const dojo = createDojoClient({ apiUrl: url, apiKey });
  onTestFinished(() => dojo.close());

  const createIntent: Scene['createIntent'] = async (change) => {
    const { id } = await dojo.createPaymentIntent({ amount: gbp(1234), reference: 'ORD-1', ...change });
    return id;
  };
  const pay: Scene['pay'] = async (id, fields) => {
    const response = await fetch(`${simulator.publicUrl}/checkout/${id}`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({
        cardNumber: '5200 0000 0000 1005',
        expiryDate: '12/29',
        securityCode: '020',
        nameOnCard: 'Ada Shopper',
        ...fields,
      }),
    });
    expect(response.status).toBeLessThan(400);
  };
  return {
    dojo,
    simulator,
    received,
    createIntent,
    async createPaidIntent(change) {
      const id = await createIntent(change);
      await pay(id);
      return id;
    },
    pay,
  };
}
