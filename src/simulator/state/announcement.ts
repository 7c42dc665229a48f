import { statusUpdatedEvent } from '../../dojo/webhook.ts';
import type { Settings } from '../settings.ts';
import type { PaymentIntent } from './payment-intent.ts';

export const createdEvent = 'payment_intent.created';

/** The event that a change is told with, if it is: docs.dojo.tech, webhooks, where settings do not say otherwise. */
export function findAnnouncement(
  intent: PaymentIntent,
  before: PaymentIntent | null,
  settings: Settings,
): string | null {
  if (before === null) return createdEvent;
  return isTold(intent, before, settings) ? statusUpdatedEvent : null;
}

function isTold(intent: PaymentIntent, before: PaymentIntent, settings: Settings): boolean {
  const isNew = (type: PaymentIntent['events'][number]['type']) =>
    intent.events.slice(before.events.length).some((event) => event.type === type);
  if (isNew('Declined')) return settings.declineEvent === 'sent';
  if (isNew('Authorized')) return settings.authorizedEvent === 'sent';
  if (intent.isExpired && !before.isExpired) return settings.expiredIntent === 'canceled';
  if (isNew('Refunded') && intent.status === 'Captured') return settings.partialRefundEvent === 'sent';
  return intent.status !== before.status || isNew('Captured');
}
