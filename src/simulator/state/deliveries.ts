import { AsyncLocalStorage } from 'node:async_hooks';
import type { Faults } from '../active-faults.ts';
import type { Ids } from '../ids.ts';
import type { Settings } from '../settings.ts';
import type { Clock } from './clock.ts';
import { createDeliveryLog, type Delivery, type DeliveryTry, type TryReason } from './delivery.ts';
import { createDeliveryQueue } from './delivery-queue.ts';
import { createDeliverer, createWebhookSender, isScheduled, settleTry } from './delivery-try.ts';
import type { PaymentIntent } from './payment-intent.ts';
import type { StateFile } from './state-file.ts';
import type { SubscriptionStore } from './subscription-store.ts';
import { eventFaults, planEvent, unknownEvent } from './webhook-events.ts';

export type DeliveryOptions = {
  readonly file: StateFile;
  readonly settings: () => Settings;
  readonly faults: Faults;
  readonly subscriptions: SubscriptionStore;
  readonly ids: Ids;
  readonly clock: Clock;
  /** The waits between tries, instead of the setting; there is one more try than waits. */
  readonly retryDelaysMs?: readonly number[];
  /** The time limit of one try, instead of the setting, from the connection to the last byte of the answer. */
  readonly timeoutMs?: number;
  readonly onTry: (delivery: Delivery, made: DeliveryTry) => void;
};

export type Deliveries = {
  /** Queues the event if it has a subscription, and returns at once. */
  send(event: string, intent: PaymentIntent): void;
  /**
   * Sends a delivery now, in any state: the same bytes with a new signature. An acknowledged one stays so. Resolves with the
   * try; with null if there is no such delivery, before or after it.
   */
  redeliver(id: string): Promise<DeliveryTry | null>;
  count(): number;
  /** Newest first. */
  list(options?: { limit?: number }): Delivery[];
  /** Runs the handlers of an API call. `answerAfter` gets a promise for each event that must come before the answer. */
  holdingAnswer(answerAfter: Promise<void>[], act: () => void): void;
  clear(): void;
  /** Ends all timers and connections. The next simulator on the state file sends what is pending. */
  close(): Promise<void>;
};

/** Sends signed events until a 2xx comes. Dojo repeats them after any other answer, and after none (docs.dojo.tech, webhooks). */
export function createDeliveries(options: DeliveryOptions): Deliveries {
  const { subscriptions, settings, clock } = options;
  const log = createDeliveryLog(options.file);
  const sender = createWebhookSender();
  const deliver = createDeliverer({ ...options, sender });
  const queue = createDeliveryQueue(
    (id) => setTimer(id, 0, () => void tryFirst(id)),
    (id) => setOnItsWay(id),
  );
  const timers = new Map<string, () => void>();
  /** Called when the first try of a delivery has ended, or will never be made. */
  const firstEnded = new Map<string, () => void>();
  const answers = new AsyncLocalStorage<Promise<void>[]>();
  let running = new AbortController();

  for (const delivery of log.values()) resume(delivery);

  function resume(delivery: Delivery): void {
    const { id, paymentIntentId, dueAt } = delivery;
    if (delivery.state !== 'pending') return;
    const waitMs = dueAt === null ? 0 : Math.max(0, dueAt.getTime() - clock.now().getTime());
    if (delivery.tries.some(isScheduled)) setTimer(id, waitMs, () => void tryNow(id, 'schedule'));
    else if (dueAt === null) queue.joinAlone(paymentIntentId, id);
    else hold(delivery, waitMs);
  }

  function setTimer(id: string, delayMs: number, task: () => void): void {
    stopTimer(id);
    const run = () => {
      timers.delete(id);
      task();
    };
    timers.set(id, clock.setTimer(run, delayMs));
  }

  function stopTimer(id: string): void {
    timers.get(id)?.();
    timers.delete(id);
  }

  /** Comes after a delay, or behind the next event of its intent. */
  function hold({ id, paymentIntentId, faults: kinds }: Delivery, delayMs: number): void {
    if (kinds.includes('delay')) {
      setTimer(id, delayMs, () => {
        setOnItsWay(id);
        queue.join(paymentIntentId, id);
      });
    } else {
      queue.holdBack(paymentIntentId, id);
      setTimer(id, delayMs, () => queue.letGo(paymentIntentId, id));
    }
  }

  function setOnItsWay(id: string): void {
    stopTimer(id);
    const delivery = log.find(id);
    if (delivery !== null) log.put({ ...delivery, dueAt: null });
  }

  async function tryFirst(id: string): Promise<void> {
    const delivery = log.find(id);
    const { signal } = running;
    if (delivery === null || signal.aborted) return;
    if (delivery.state === 'pending') {
      const copies = delivery.faults.includes('duplicate') ? [tryNow(id, 'duplicate')] : [];
      await Promise.all([tryNow(id, 'schedule'), ...copies]);
    }
    firstEnded.get(id)?.();
    firstEnded.delete(id);
    if (!signal.aborted) queue.leave(delivery.paymentIntentId, id);
  }

  async function tryNow(id: string, reason: TryReason): Promise<DeliveryTry | null> {
    const delivery = log.find(id);
    const { signal } = running;
    if (delivery === null || signal.aborted) return null;
    const made = await deliver(delivery, reason, signal);
    if (signal.aborted) return null;
    record(id, made);
    return made;
  }

  function record(id: string, made: DeliveryTry): void {
    const delivery = log.find(id);
    if (delivery === null) return;
    const { delivery: updated, retryInMs } = settleTry(
      { ...delivery, tries: [...delivery.tries, made] },
      {
        now: clock.now(),
        settings: settings(),
        retryDelaysMs: options.retryDelaysMs,
        isSubscribed: subscriptions.find(delivery.subscriptionId) !== null,
      },
    );
    log.put(updated);
    if (retryInMs !== null) setTimer(id, retryInMs, () => void tryNow(id, 'schedule'));
    if (updated.state !== 'pending') {
      // A delivery in the queue keeps its turn, or those behind it would never get theirs.
      if (updated.tries.some(isScheduled) || delivery.dueAt !== null) stopTimer(id);
      queue.letGo(updated.paymentIntentId, id);
    }
    options.onTry(updated, made);
  }

  function enqueue(delivery: Delivery): void {
    log.put(delivery);
    if (delivery.state !== 'pending') return;
    const { id, event, paymentIntentId, createdAt, dueAt } = delivery;
    if (dueAt !== null) hold(delivery, dueAt.getTime() - createdAt.getTime());
    else if (event === unknownEvent) queue.joinAlone(paymentIntentId, id);
    else queue.join(paymentIntentId, id);
  }

  return {
    send(event, intent) {
      const subscriptionId = subscriptions.findByEvent(event)?.id;
      if (subscriptionId === undefined) return;
      const possible = eventFaults.filter(
        (kind) =>
          (kind !== 'reorder' || !queue.isHoldingBack(intent.id)) &&
          (kind !== 'before-reply' || answers.getStore() !== undefined),
      );
      const plan = planEvent(options, { event, intent, subscriptionId, possible });
      const { id, state, dueAt } = plan.delivery;
      if (plan.isBeforeAnswer && state === 'pending' && dueAt === null)
        answers.getStore()?.push(new Promise((done) => firstEnded.set(id, done)));
      enqueue(plan.delivery);
      if (plan.extra !== null) enqueue(plan.extra);
    },
    redeliver: (id) => tryNow(id, 'by-hand'),
    count: log.count,
    list: ({ limit } = {}) => log.list(limit),
    holdingAnswer: (answerAfter, act) => answers.run(answerAfter, act),
    clear() {
      stop();
      running = new AbortController();
      log.clear();
    },
    async close() {
      stop();
      await sender.close();
    },
  };

  function stop(): void {
    running.abort();
    for (const callOff of timers.values()) callOff();
    for (const done of firstEnded.values()) done();
    timers.clear();
    firstEnded.clear();
    queue.clear();
  }
}
