import type { Deliveries } from './delivery.ts';
import type { Ids } from './ids.ts';
import type { PaymentIntentStore } from './payment-intent-store.ts';
import type { SubscriptionStore } from './subscription-store.ts';

/** All that a request to the simulator may touch. */
export type Parts = {
  readonly intents: PaymentIntentStore;
  readonly subscriptions: SubscriptionStore;
  readonly deliveries: Deliveries;
  readonly ids: Ids;
  readonly now: () => Date;
  /** Where shoppers reach the hosted page, without a trailing slash. */
  readonly publicUrl: () => string;
};
