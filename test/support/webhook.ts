import request, { type Test } from 'supertest';
import { createWebhookSecret, signWebhook } from '../../src/dojo/webhook.ts';
import { type OpenShop, webhookSecret } from './shop.ts';

/** The body of a status update, valid unless a member is replaced. */
export function statusUpdate(
  change: { paymentIntentId: string; paymentStatus: string },
  envelope: Record<string, unknown> = {},
): string {
  return JSON.stringify({
    id: 'evt_T1',
    event: 'payment_intent.status_updated',
    accountId: 'acc_test',
    createdAt: '2026-11-22T10:00:00.1234567Z',
    data: { captureMode: 'Auto', ...change },
    ...envelope,
  });
}

export function sign(body: string | Uint8Array, secret = webhookSecret): string {
  return signWebhook(typeof body === 'string' ? Buffer.from(body) : body, createWebhookSecret(secret));
}

/** A delivery as Dojo sends it: JSON, signed over exactly these bytes. */
export function deliver(
  shop: OpenShop,
  body: string | Uint8Array,
  signature: string | null = sign(body),
): Test {
  const delivery = request(shop.app).post('/webhooks/dojo').set('Content-Type', 'application/json');
  if (signature !== null) delivery.set('dojo-signature', signature);
  // supertest sends a Buffer as it is, and any other value as JSON.
  return delivery.serialize((bytes) => bytes).send(Buffer.from(body) as unknown as string);
}
