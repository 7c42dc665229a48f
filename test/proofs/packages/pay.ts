import { equal, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDojoClient, type DojoClient } from 'dojo-client';
import { DojoError } from 'dojo-client/errors';
import type { Money, PaymentIntent } from 'dojo-client/schemas';
import {
  createWebhookSecret,
  parseWebhookEvent,
  signatureHeader,
  signWebhook,
  statusUpdatedEvent,
  verifyWebhook,
} from 'dojo-client/webhook';
import { createSimulator, type Simulator } from 'dojo-simulator';
import { payOnPage } from './pay-on-page.ts';

// Runs in the folder into which the packages are installed: imports them by name, with their types.

const [apiUrl = ''] = process.argv.slice(2);
const amount: Money = { value: 1234, currencyCode: 'GBP' };
const dojo: DojoClient = createDojoClient({ apiUrl, apiKey: 'sk_sandbox_proof' });

const delivered = Promise.withResolvers<{ body: Buffer; signature: string | undefined }>();
const receiver = createServer(async (req, res) => {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk);
  res.end();
  delivered.resolve({ body: Buffer.concat(chunks), signature: req.headers[signatureHeader]?.toString() });
}).listen(0, '127.0.0.1');
await once(receiver, 'listening');

const { port } = receiver.address() as AddressInfo;
const subscription = await dojo.createSubscription({
  events: [statusUpdatedEvent],
  url: `http://127.0.0.1:${port}/webhooks`,
});
const secret = createWebhookSecret(subscription.secrets[0]?.value ?? '');

const intent: PaymentIntent = await dojo.createPaymentIntent({ amount, reference: 'PROOF-1' });
equal(intent.status, 'Created');
await payOnPage(intent.paymentLink ?? '');
equal((await dojo.getPaymentIntent(intent.id)).status, 'Captured');
say(`created ${intent.id} with dojo-client and paid it on the hosted page`);

const { body, signature } = await delivered.promise;
ok(verifyWebhook(body, signature, secret), 'The webhook does not verify.');
ok(!verifyWebhook(body, signature, createWebhookSecret('another')), 'Another secret verifies the webhook.');
equal(signature, signWebhook(body, secret));
equal(parseWebhookEvent(body)?.change?.paymentIntentId, intent.id);
say('verified its webhook with dojo-client/webhook');

await rejects(dojo.getPaymentIntent('pi_sandbox_unknown'), (error) => {
  ok(error instanceof DojoError);
  equal(error.kind, 'not-found');
  return true;
});
await dojo.deleteSubscription(subscription.id);
await dojo.close();
receiver.close();

const simulator: Simulator = await createSimulator({ startAt: new Date('2026-11-22'), isClockStopped: true });
ok((await fetch(simulator.url)).ok, 'The control page does not open.');
equal(simulator.ledger().length, 0);
await simulator.close();
say('started and closed a simulator from dojo-simulator');

function say(what: string): void {
  process.stdout.write(`${what}\n`);
}
