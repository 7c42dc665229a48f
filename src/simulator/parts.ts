import type { Faults } from './active-faults.ts';
import type { ApiCalls } from './api/call-log.ts';
import type { Ids } from './ids.ts';
import type { Settings } from './settings.ts';
import type { Clock } from './state/clock.ts';
import type { CustomerStore } from './state/customer-store.ts';
import type { Deliveries } from './state/deliveries.ts';
import type { PaymentIntentStore } from './state/payment-intent-store.ts';
import type { SubscriptionStore } from './state/subscription-store.ts';

/** All that a request to the simulator may touch. */
export type Parts = {
  readonly intents: PaymentIntentStore;
  readonly customers: CustomerStore;
  readonly subscriptions: SubscriptionStore;
  readonly deliveries: Deliveries;
  readonly faults: Faults;
  readonly calls: ApiCalls;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly settings: () => Settings;
  readonly changeSettings: (change: Partial<Settings>) => void;
  /** Whether a key is one that this simulator knows. */
  readonly isKnownKey: (key: string) => boolean;
  /** Forgets everything but settings, faults and time. */
  readonly clear: () => void;
  /** Where shoppers reach the hosted page, without a trailing slash. */
  readonly publicUrl: () => string;
};
