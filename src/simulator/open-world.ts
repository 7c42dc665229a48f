import type { Logger } from 'pino';
import { z } from 'zod';
import { createApiCalls } from './api/call-log.ts';
import { activeFaultSchema, createFaults } from './faults.ts';
import { createIds, type RandomBytes } from './ids.ts';
import type { Parts } from './parts.ts';
import { defaultSettings, type Settings, settingsChangeSchema } from './settings.ts';
import { findAnnouncement } from './state/announcement.ts';
import { type Clock, createClock } from './state/clock.ts';
import { createCustomerStore } from './state/customer-store.ts';
import { createDeliveries } from './state/delivery.ts';
import { createPaymentIntentStore } from './state/payment-intent-store.ts';
import { noStateFile, openStateFile } from './state/state-file.ts';
import { createSubscriptionStore } from './state/subscription-store.ts';

export type WorldOptions = {
  /** The machine's time where it is missing. */
  readonly clock?: Clock;
  readonly randomBytes?: RandomBytes;
  /** What the chances of faults begin with. */
  readonly seed?: number;
  readonly settings?: Partial<Settings>;
  /** The only API keys that are good; any `sk_sandbox_` key where it is missing. */
  readonly apiKeys?: readonly string[];
  /** A file that the state is kept in; it ends with the process where it is missing. */
  readonly stateFile?: string;
  /** The waits between the tries to deliver a webhook, in place of the setting; one try more than there are waits. */
  readonly retryDelaysMs?: readonly number[];
  /** How long one try to deliver a webhook may take, in place of the setting. */
  readonly deliveryTimeoutMs?: number;
};

export type World = Omit<Parts, 'publicUrl'> & {
  /** Forgets everything but settings, faults and time. */
  clear(): void;
  close(): Promise<void>;
};

/** Everything that the pretend Dojo knows, from its state file where it has one. */
export function openWorld(options: WorldOptions, log: Logger): World {
  const file = options.stateFile === undefined ? noStateFile : openStateFile(options.stateFile);
  const kept = controlSchema.parse(file.load('control')[0] ?? {});
  const clock = options.clock ?? createClock();
  const ids = createIds(options.randomBytes);
  const calls = createApiCalls();
  let current: Settings = { ...defaultSettings, ...kept.settings, ...options.settings };
  const settings = () => current;

  const keepControl = () =>
    file.keep('control', 'control', () => ({
      settings: current,
      faults: faults.list(),
      seed: faults.seed(),
    }));
  const faults = createFaults({
    seed: options.seed ?? kept.seed ?? 1,
    active: kept.faults ?? [],
    onChange: keepControl,
  });
  const customers = createCustomerStore({ file, clock, ids });
  const subscriptions = createSubscriptionStore({ file, clock, settings, ids });
  const deliveries = createDeliveries({
    file,
    clock,
    ids,
    settings,
    faults,
    subscriptions,
    ...(options.retryDelaysMs && { retryDelaysMs: options.retryDelaysMs }),
    ...(options.deliveryTimeoutMs && { timeoutMs: options.deliveryTimeoutMs }),
    onAttempt: ({ id, event, paymentIntentId, state }, { status, error, latencyMs }) =>
      log.info({ eventId: id, event, paymentIntentId, state, status, error, latencyMs }, 'delivery'),
  });
  const intents = createPaymentIntentStore({
    file,
    clock,
    settings,
    onChange(intent, before) {
      const event = findAnnouncement(intent, before, current);
      if (event !== null) deliveries.send(event, intent);
    },
  });
  const { apiKeys } = options;

  return {
    intents,
    customers,
    subscriptions,
    deliveries,
    faults,
    calls,
    ids,
    clock,
    settings,
    changeSettings(change) {
      current = { ...current, ...change };
      intents.resetTimers();
      keepControl();
    },
    isKnownKey: (key) => key.startsWith('sk_sandbox_') && (apiKeys === undefined || apiKeys.includes(key)),
    clear() {
      for (const part of [intents, customers, subscriptions, deliveries, calls]) part.clear();
      file.clear();
      keepControl();
    },
    async close() {
      await deliveries.close();
      clock.close();
      file.close();
    },
  };
}

const controlSchema = z.object({
  settings: settingsChangeSchema.optional(),
  faults: z.array(activeFaultSchema).optional(),
  seed: z.int().optional(),
});
