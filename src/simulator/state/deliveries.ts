import { AsyncLocalStorage } from 'node:async_hooks';
import type { Faults } from '../active-faults.ts';
import type { Ids } from '../ids.ts';
import type { Settings } from '../settings.ts';
import type { Clock } from './clock.ts';
import type { AttemptReason, Delivery, DeliveryAttempt } from './delivery.ts';
import { createAttemptMaker } from './delivery-attempt.ts';
import { createDeliveryLines } from './delivery-lines.ts';
import { createDeliveryLog } from './delivery-log.ts';
import { unknownEvent } from './event-body.ts';
import type { PaymentIntent } from './payment-intent.ts';
import { eventFaults, planEvent } from './plan-event.ts';
import { isScheduled, settleAttempt } from './retry.ts';
import type { StateFile } from './state-file.ts';
import type { SubscriptionStore } from './subscription-store.ts';
import { createWebhookSender } from './webhook-post.ts';

export type DeliveryOptions = {
  readonly file: StateFile;
  readonly settings: () => Settings;
  readonly faults: Faults;
  readonly subscriptions: SubscriptionStore;
  readonly ids: Ids;
  readonly clock: Clock;
  /** In place of the setting: the waits between tries; one try more than there are waits. */
  readonly retryDelaysMs?: readonly number[];
  /** In place of the setting: for a whole try, from connecting to the last byte of the answer. */
  readonly timeoutMs?: number;
  readonly onAttempt: (delivery: Delivery, attempt: DeliveryAttempt) => void;
};

export type Deliveries = {
  /** Queues the event where somebody subscribed to it, and returns at once. */
  send(event: string, intent: PaymentIntent): void;
  /**
   * Sends it now, whatever became of it: the same bytes, signed anew. What was acknowledged stays so. Resolves with the
   * attempt; with null where there is no such delivery, or none any more once the attempt ends.
   */
  redeliver(id: string): Promise<DeliveryAttempt | null>;
  count(): number;
  /** Newest first. */
  list(options?: { limit?: number }): Delivery[];
  /** Runs what a call to the API does; `answerAfter` gets a promise for each event that has to come before its answer. */
  holdingAnswer(answerAfter: Promise<void>[], act: () => void): void;
  clear(): void;
  /** Ends all timers and connections; what was pending is sent by whoever opens the state file next. */
  close(): Promise<void>;
};

/** Sends signed events until a 2xx comes. Dojo repeats after any other answer and after none (docs.dojo.tech, webhooks). */
export function createDeliveries(options: DeliveryOptions): Deliveries {
  const { subscriptions, settings, clock } = options;
  const log = createDeliveryLog(options.file);
  const sender = createWebhookSender();
  const tryToDeliver = createAttemptMaker({ ...options, sender });
  const lines = createDeliveryLines(
    (id) => setTimer(id, 0, () => void attemptFirst(id)),
    (id) => onItsWay(id),
  );
  const timers = new Map<string, () => void>();
  /** Called when the first attempt of a delivery has ended, or will never be made. */
  const firstEnded = new Map<string, () => void>();
  const answers = new AsyncLocalStorage<Promise<void>[]>();
  let running = new AbortController();

  for (const delivery of log.values()) resume(delivery);

  function resume(delivery: Delivery): void {
    const { id, paymentIntentId, dueAt } = delivery;
    if (delivery.state !== 'pending') return;
    const waitMs = dueAt === null ? 0 : Math.max(0, dueAt.getTime() - clock.now().getTime());
    if (delivery.attempts.some(isScheduled)) setTimer(id, waitMs, () => void attempt(id, 'schedule'));
    else if (dueAt === null) lines.joinBeside(paymentIntentId, id);
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

  /** Late by its own timer, or behind the next event about its intent. */
  function hold({ id, paymentIntentId, faults: kinds }: Delivery, delayMs: number): void {
    if (kinds.includes('delay')) {
      setTimer(id, delayMs, () => {
        onItsWay(id);
        lines.join(paymentIntentId, id);
      });
    } else {
      lines.holdBack(paymentIntentId, id);
      setTimer(id, delayMs, () => lines.letGo(paymentIntentId, id));
    }
  }

  function onItsWay(id: string): void {
    stopTimer(id);
    const delivery = log.find(id);
    if (delivery !== null) log.put({ ...delivery, dueAt: null });
  }

  async function attemptFirst(id: string): Promise<void> {
    const delivery = log.find(id);
    const { signal } = running;
    if (delivery === null || signal.aborted) return;
    if (delivery.state === 'pending') {
      const copies = delivery.faults.includes('duplicate') ? [attempt(id, 'duplicate')] : [];
      await Promise.all([attempt(id, 'schedule'), ...copies]);
    }
    firstEnded.get(id)?.();
    firstEnded.delete(id);
    if (!signal.aborted) lines.leave(delivery.paymentIntentId, id);
  }

  async function attempt(id: string, reason: AttemptReason): Promise<DeliveryAttempt | null> {
    const delivery = log.find(id);
    const { signal } = running;
    if (delivery === null || signal.aborted) return null;
    const made = await tryToDeliver(delivery, reason, signal);
    if (signal.aborted) return null;
    note(id, made);
    return made;
  }

  function note(id: string, made: DeliveryAttempt): void {
    const delivery = log.find(id);
    if (delivery === null) return;
    const { delivery: updated, retryInMs } = settleAttempt(
      { ...delivery, attempts: [...delivery.attempts, made] },
      {
        now: clock.now(),
        settings: settings(),
        retryDelaysMs: options.retryDelaysMs,
        isSubscribed: subscriptions.find(delivery.subscriptionId) !== null,
      },
    );
    log.put(updated);
    if (retryInMs !== null) setTimer(id, retryInMs, () => void attempt(id, 'schedule'));
    if (updated.state !== 'pending') {
      // The turn in its line is no wait: whoever stands behind it would never have theirs.
      if (updated.attempts.some(isScheduled) || delivery.dueAt !== null) stopTimer(id);
      lines.letGo(updated.paymentIntentId, id);
    }
    options.onAttempt(updated, made);
  }

  function enqueue(delivery: Delivery): void {
    log.put(delivery);
    if (delivery.state !== 'pending') return;
    const { id, event, paymentIntentId, createdAt, dueAt } = delivery;
    if (dueAt !== null) hold(delivery, dueAt.getTime() - createdAt.getTime());
    else if (event === unknownEvent) lines.joinBeside(paymentIntentId, id);
    else lines.join(paymentIntentId, id);
  }

  return {
    send(event, intent) {
      const subscriptionId = subscriptions.findByEvent(event)?.id;
      if (subscriptionId === undefined) return;
      const possible = eventFaults.filter(
        (kind) =>
          (kind !== 'reorder' || !lines.isHoldingBack(intent.id)) &&
          (kind !== 'before-reply' || answers.getStore() !== undefined),
      );
      const plan = planEvent(options, { event, intent, subscriptionId, possible });
      const { id, state, dueAt } = plan.delivery;
      if (plan.isBeforeAnswer && state === 'pending' && dueAt === null)
        answers.getStore()?.push(new Promise((done) => firstEnded.set(id, done)));
      enqueue(plan.delivery);
      if (plan.extra !== null) enqueue(plan.extra);
    },
    redeliver: (id) => attempt(id, 'by-hand'),
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
    lines.clear();
  }
}
