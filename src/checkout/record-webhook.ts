import { hash } from 'node:crypto';
import type { Context } from '../context.ts';
import {
  findSigningSecret,
  isSignature,
  parseWebhookEvent,
  statusUpdatedEvent,
  type WebhookEvent,
} from '../dojo/webhook.ts';
import type { ReceivedEvent, RecordedEvent } from '../shop/order-events.ts';

/**
 * - `unverified`: not signed by Dojo; nothing was kept
 * - `empty`: signed, and without a body
 * - `quarantined`: signed, and not understood or not ours; the bytes were kept for a person
 * - the rest: see `RecordedEvent`
 */
export type RecordedWebhook =
  | { readonly kind: 'unverified'; readonly reason: 'no-signature' | 'malformed-signature' | 'no-match' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'quarantined'; readonly reason: 'not-understood' }
  | { readonly kind: 'quarantined'; readonly reason: 'other-account'; readonly accountId: string | null }
  | { readonly kind: 'recorded'; readonly event: WebhookEvent; readonly outcome: RecordedEvent };

/** Verifies, keeps and applies one delivery. When it resolves, what it says is durable. No network. */
export async function recordWebhook(
  context: Pick<Context, 'store' | 'intake' | 'now' | 'config'>,
  delivery: { readonly body: Uint8Array; readonly signature: string | undefined },
): Promise<RecordedWebhook> {
  const { body, signature } = delivery;
  const { store, intake } = context;
  const secret = findSigningSecret(body, signature, context.config.dojo.webhookSecrets);
  if (secret === null) return { kind: 'unverified', reason: whyUnverified(signature) };
  if (body.byteLength === 0) return { kind: 'empty' };

  const kept = {
    body,
    digest: hash('sha256', body, 'buffer'),
    secret: secret.label,
    receivedAt: context.now(),
  };
  const event = parseWebhookEvent(body);
  if (event === null || isOfOtherAccount(event, context.config.dojo.accountId)) {
    const why =
      event === null
        ? ({ reason: 'not-understood' } as const)
        : ({ reason: 'other-account', accountId: event.accountId } as const);
    await intake.keep(() => store.quarantine({ ...kept, reason: why.reason }));
    return { kind: 'quarantined', ...why };
  }
  const [outcome] = await intake.keep(() => store.recordEvents([receivedEvent(event, kept)]));
  if (outcome === undefined) throw new Error('The store gave no answer for an event.');
  return { kind: 'recorded', event, outcome };
}

function whyUnverified(signature: string | undefined) {
  if (signature === undefined) return 'no-signature';
  return isSignature(signature) ? 'no-match' : 'malformed-signature';
}

function isOfOtherAccount(event: WebhookEvent, accountId: string | null): boolean {
  return accountId !== null && event.accountId !== accountId;
}

function receivedEvent(
  event: WebhookEvent,
  kept: Pick<ReceivedEvent, 'body' | 'digest' | 'secret' | 'receivedAt'>,
): ReceivedEvent {
  return {
    ...kept,
    eventId: event.id,
    event: event.event,
    paymentIntentId: event.change?.paymentIntentId ?? null,
    // Only this event changes orders; all others are kept as they came.
    paymentStatus: event.event === statusUpdatedEvent ? (event.change?.paymentStatus ?? null) : null,
  };
}
