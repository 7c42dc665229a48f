import type { Logger } from 'pino';
import { logEvent } from '../log.ts';
import type { OrderStore } from '../store/order-store.ts';

/** Whether what Dojo says of payments can be kept: a shop that would not hear of a payment sends no one to pay. */
export type EventIntake = {
  /** Does what keeps events, or tries whether it can be done. How it went decides whether the intake is open. */
  keep<T>(work: () => Promise<T>): Promise<T>;
  /** Rejects with `StoreError` while events cannot be kept. Costs nothing unless the last could not. */
  assertOpen(): Promise<void>;
};

export function createEventIntake(store: Pick<OrderStore, 'checkWritable'>, log: Logger): EventIntake {
  let isOpen = true;
  let probe: Promise<void> | null = null;

  function note(error: unknown): void {
    const isNews = isOpen;
    isOpen = false;
    if (isNews) logEvent(log, 'checkoutsStopped', { err: error });
  }

  async function keep<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      if (!isOpen) logEvent(log, 'checkoutsResumed');
      isOpen = true;
      return result;
    } catch (error) {
      if (error instanceof Error && error.name === 'StoreError') note(error);
      throw error;
    }
  }

  return {
    keep,
    async assertOpen() {
      if (isOpen) return;
      // Checkouts that come together share one.
      probe ??= keep(store.checkWritable).finally(() => {
        probe = null;
      });
      await probe;
    },
  };
}
