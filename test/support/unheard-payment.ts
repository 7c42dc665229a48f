import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { placeOrder } from '../../src/checkout/place-order.ts';
import { createSimulator } from '../../src/simulator/create-simulator.ts';
import { openShop, shopEnv } from './shop.ts';

export type UnheardPayment = {
  /** The environment of a shop that opens on the order's database. */
  readonly env: Readonly<Record<string, string>>;
  readonly reference: string;
  /** The message by which the merchant's own system hears that the order is due. */
  readonly notified: Promise<{ type: string; data: { reference: string } }>;
  close(): Promise<void>;
};

/**
 * An order that was paid ten minutes ago and of which no webhook came, in the database of a shop that is closed.
 * Only a shop that reconciles learns of the payment, and only one that notifies passes it on.
 */
export async function openUnheardPayment(): Promise<UnheardPayment> {
  const folder = mkdtempSync(join(tmpdir(), 'unheard-'));
  const simulator = await createSimulator({});
  const merchant = createServer().listen(0, '127.0.0.1');
  await once(merchant, 'listening');
  const { port } = merchant.address() as AddressInfo;
  const notified = Promise.withResolvers<{ type: string; data: { reference: string } }>();
  merchant.on('request', async (req, res) => {
    const message = JSON.parse(await text(req));
    res.writeHead(204).end();
    if (message.type === 'order.due') notified.resolve(message);
  });
  const env = {
    ...shopEnv,
    DATABASE_URL: `sqlite:${join(folder, 'orders.db')}`,
    DOJO_API_URL: simulator.url,
    DOJO_CHECKOUT_ORIGIN: simulator.publicUrl,
    FULFILMENT_URL: `http://127.0.0.1:${port}/due`,
    FULFILMENT_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  };
  return {
    env,
    reference: await placeAndPay(env),
    notified: notified.promise,
    async close() {
      merchant.closeAllConnections();
      merchant.close();
      await simulator.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function placeAndPay(env: Readonly<Record<string, string>>): Promise<string> {
  const shop = await openShop({
    env,
    databaseUrl: env.DATABASE_URL ?? '',
    context: { now: () => new Date(Date.now() - 10 * 60_000) },
  });
  try {
    const purchase = { items: [{ sku: 'mug', quantity: 1 }], checkoutKey: 'key-1', shopperId: 'shopper-1' };
    const placed = await placeOrder(shop.context, purchase);
    if (placed.kind !== 'ready') throw new Error(`The order is ${placed.kind}.`);
    const response = await fetch(placed.paymentLink, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({
        cardNumber: '5200000000001005',
        securityCode: '020',
        expiryDate: '12/29',
        nameOnCard: 'Ada Lovelace',
      }),
    });
    await response.arrayBuffer();
    return placed.order.reference;
  } finally {
    await shop.close();
  }
}
