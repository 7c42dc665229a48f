import { AsyncLocalStorage } from 'node:async_hooks';
import type { Faults, WebhookFaultKind } from '../faults.ts';
import type { Ids } from '../ids.ts';
import type { Settings } from '../settings.ts';
import type { Clock } from './clock.ts';
import type { AttemptReason, Delivery, DeliveryAttempt } from './delivery.ts';
import { createAttemptMaker } from './delivery-attempt.ts';
import { createDeliveryLines } from './delivery-lines.ts';
import { createDeliveryLog } from './delivery-log.ts';
import {
  createBodyWithExtraFields,
  createEventBody,
  createUnknownEventBody,
  unknownEvent,
} from './event-body.ts';
import type { PaymentIntent } from './payment-intent.ts';
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
  /** Newest first. */
  list(options?: { limit?: number }): Delivery[];
  /** Runs what a call to the API does; `answerAfter` gets a promise for each event that has to come before its answer. */
  duringCall(answerAfter: Promise<void>[], act: () => void): void;
  clear(): void;
  /** Ends all timers and connections; what was pending is sent by whoever opens the state file next. */
  close(): Promise<void>;
};

type Announced = { readonly event: string; readonly intent: PaymentIntent; readonly subscriptionId: string };

const seconds = (waits: readonly number[]) => waits.map((wait) => wait * 1000);

const retrySchedules = {
  'eleven-in-an-hour': seconds([1, 2, 5, 10, 20, 40, 80, 160, 300, 600, 1800]),
  'three-in-a-minute': seconds([5, 15, 40]),
  none: [],
} as const satisfies Record<Settings['webhookRetries'], readonly number[]>;

const eventFaults = [
  'duplicate',
  'reorder',
  'delay',
  'drop',
  'unknown-event',
  'extra-fields',
  'before-reply',
] as const satisfies WebhookFaultKind[];

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
    const tried = { ...delivery, attempts: [...delivery.attempts, made] };
    const isMissed =
      made.reason === 'schedule' && tried.state === 'pending' && !isAcknowledged(made, settings());
    const waitMs = isMissed ? findWaitMs(tried, made) : null;
    const updated = settle(tried, { isMissed, waitMs });
    log.put(updated);
    if (waitMs !== null) setTimer(id, waitMs, () => void attempt(id, 'schedule'));
    if (updated.state !== 'pending') {
      stopTimer(id);
      lines.letGo(updated.paymentIntentId, id);
    }
    options.onAttempt(updated, made);
  }

  /** What comes of the last attempt; one that was made besides can only make it better. */
  function settle(
    tried: Delivery,
    { isMissed, waitMs }: { isMissed: boolean; waitMs: number | null },
  ): Delivery {
    const last = tried.attempts.at(-1);
    if (last !== undefined && isAcknowledged(last, settings()))
      return { ...tried, state: 'delivered', dueAt: null };
    if (!isMissed) return tried;
    if (waitMs === null) return { ...tried, state: 'given-up', dueAt: null };
    return { ...tried, dueAt: new Date(clock.now().getTime() + waitMs) };
  }

  /** Null where it was the last try. */
  function findWaitMs({ subscriptionId, attempts }: Delivery, { status }: DeliveryAttempt): number | null {
    const isRefused = status !== null && status >= 400 && status < 500;
    if (isRefused && settings().webhookRefusal === 'given-up') return null;
    if (subscriptions.find(subscriptionId) === null) return null;
    const waitsMs = options.retryDelaysMs ?? retrySchedules[settings().webhookRetries];
    return waitsMs[attempts.filter(isScheduled).length - 1] ?? null;
  }

  function enqueue(delivery: Delivery): void {
    log.put(delivery);
    if (delivery.state !== 'pending') return;
    const { id, event, paymentIntentId, createdAt, dueAt } = delivery;
    if (dueAt !== null) hold(delivery, dueAt.getTime() - createdAt.getTime());
    else if (event === unknownEvent) lines.joinBeside(paymentIntentId, id);
    else lines.join(paymentIntentId, id);
  }

  /** The delivery of an event with what happens to it, and the unknown event that comes besides; null where none does. */
  function planEvent({ event, intent, subscriptionId }: Announced) {
    const amount = intent.request.amount.value;
    const met = options.faults.forWebhook(
      eventFaults.filter(
        (kind) =>
          (kind !== 'reorder' || !lines.isHoldingBack(intent.id)) &&
          (kind !== 'before-reply' || answers.getStore() !== undefined),
      ),
      { paymentIntentId: intent.id, amount },
    );
    const id = options.ids.next('evt_');
    const createdAt = clock.now();
    const createBody = met.has('extra-fields') ? createBodyWithExtraFields : createEventBody;
    const holdMs = (met.get('delay') ?? met.get('reorder'))?.delayMs ?? null;
    const delivery: Delivery = {
      id,
      event,
      paymentIntentId: intent.id,
      amount,
      subscriptionId,
      body: createBody({ id, event, createdAt, intent }),
      createdAt,
      faults: [...met.keys()],
      attempts: [],
      state: met.has('drop') ? 'dropped' : 'pending',
      dueAt: holdMs === null || met.has('drop') ? null : new Date(createdAt.getTime() + holdMs),
    };
    const extra = met.has('unknown-event') ? createExtra(delivery, intent) : null;
    return { delivery, extra, isBeforeAnswer: met.has('before-reply') };
  }

  function createExtra(delivery: Delivery, intent: PaymentIntent): Delivery {
    const id = options.ids.next('evt_');
    const body = createUnknownEventBody({ id, createdAt: delivery.createdAt, intent });
    const faults = ['unknown-event'] as const;
    return { ...delivery, id, event: unknownEvent, body, faults, state: 'pending', dueAt: null };
  }

  return {
    send(event, intent) {
      const subscriptionId = subscriptions.findByEvent(event)?.id;
      if (subscriptionId === undefined) return;
      const plan = planEvent({ event, intent, subscriptionId });
      const { id, state, dueAt } = plan.delivery;
      if (plan.isBeforeAnswer && state === 'pending' && dueAt === null)
        answers.getStore()?.push(new Promise((done) => firstEnded.set(id, done)));
      enqueue(plan.delivery);
      if (plan.extra !== null) enqueue(plan.extra);
    },
    redeliver: (id) => attempt(id, 'by-hand'),
    list: ({ limit } = {}) => log.list(limit),
    duringCall: (answerAfter, act) => answers.run(answerAfter, act),
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

function isScheduled({ reason }: DeliveryAttempt): boolean {
  return reason === 'schedule';
}

function isAcknowledged({ status }: DeliveryAttempt, settings: Settings): boolean {
  return status !== null && status >= 200 && status < (settings.webhookRedirect === 'success' ? 400 : 300);
}
