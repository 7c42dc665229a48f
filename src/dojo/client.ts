import { type CustomerCalls, createCustomerCalls } from './customers.ts';
import { createPaymentIntentCalls, type PaymentIntentCalls } from './payment-intents.ts';
import { createSender, type SenderOptions } from './send.ts';
import { createSubscriptionCalls, type SubscriptionCalls } from './subscriptions.ts';

/**
 * Dojo's payments API, version 2026-02-27 (docs.dojo.tech/api). Every call rejects with `DojoError` and nothing else.
 * Amounts are integer minor units: some calls take them as `Money`, others as a bare number.
 */
export type DojoClient = PaymentIntentCalls &
  CustomerCalls &
  SubscriptionCalls & {
    /** How many milliseconds Dojo's clock was ahead of ours at its last answer; null before the first answer. */
    clockSkewMs(): number | null;
    /** Ends the connections once running calls are done. */
    close(): Promise<void>;
  };

/** Opens no connection until the first call. Close the client when you are done with it. */
export function createDojoClient(options: SenderOptions): DojoClient {
  const { send, clockSkewMs, close } = createSender(options);
  return {
    ...createPaymentIntentCalls(send),
    ...createCustomerCalls(send),
    ...createSubscriptionCalls(send),
    clockSkewMs,
    close,
  };
}
