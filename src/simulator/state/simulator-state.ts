import type { Logger } from 'pino';
import { z } from 'zod';
import { activeFaultSchema, createFaults, type Faults } from '../active-faults.ts';
import { type ApiCalls, createApiCalls } from '../api/call-log.ts';
import { createIds, type Ids, type RandomBytes } from '../ids.ts';
import { defaultSettings, parseSettingsChange, type Settings, settingsChangeSchema } from '../settings.ts';
import { type Clock, type ClockState, createClock } from './clock.ts';
import { type CustomerStore, createCustomerStore } from './customer-store.ts';
import { createDeliveries, type Deliveries } from './deliveries.ts';
import { instantSchema } from './instant.ts';
import { createPaymentIntentStore, type PaymentIntentStore } from './payment-intent-store.ts';
import { noStateFile, openStateFile, type StateFile, StateFileError } from './state-file.ts';
import { createSubscriptionStore, type SubscriptionStore } from './subscription-store.ts';
import { findAnnouncement } from './webhook-events.ts';

export type StateOptions = {
  /** The caller's own clock; then `startAt`, `isClockStopped` and the time in the state file are ignored. */
  readonly clock?: Clock;
  /** Where the clock starts. Default: the time in the state file, or the machine's. */
  readonly startAt?: Date;
  /** Whether the clock stands still until it is moved. */
  readonly isClockStopped?: boolean;
  readonly randomBytes?: RandomBytes;
  /** The seed for the chances of faults. Default: the seed in the state file, or 1. */
  readonly seed?: number;
  readonly settings?: Partial<Settings>;
  /** The only API keys that are accepted. Default: any `sk_sandbox_` key. */
  readonly apiKeys?: readonly string[];
  /** Keeps the state in this file, which is created if missing. Without it, the state ends with the process. */
  readonly stateFile?: string;
  /** The waits between the tries to deliver a webhook, instead of the setting; there is one more try than waits. */
  readonly retryDelaysMs?: readonly number[];
  /** The time limit of one try to deliver a webhook, instead of the setting. */
  readonly deliveryTimeoutMs?: number;
};

/** Everything that the pretend Dojo knows, and all that a request may touch. */
export type SimulatorState = {
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
  readonly isKnownKey: (key: string) => boolean;
  /** Where shoppers reach the payment page, without a trailing slash. */
  readonly publicUrl: () => string;
  /** Deletes everything but settings, faults and time. */
  readonly clear: () => void;
  readonly close: () => Promise<void>;
};

type Surroundings = { readonly log: Logger; readonly publicUrl: () => string };

/** Throws StateFileError for an unusable state file, and RangeError for an unknown setting or choice. */
export function openState(options: StateOptions, surroundings: Surroundings): SimulatorState {
  const { stateFile } = options;
  parseSettingsChange(options.settings ?? {});
  if (stateFile === undefined) return createState(options, noStateFile, surroundings);
  const file = openStateFile(stateFile);
  try {
    return createState(options, file, surroundings);
  } catch (error) {
    file.close();
    if (!(error instanceof z.ZodError || error instanceof SyntaxError)) throw error;
    const message = `${stateFile} has a record that this simulator cannot read: name another file, or a new one.`;
    throw new StateFileError('other-version', message, error);
  }
}

function createState(
  options: StateOptions,
  file: StateFile,
  { log, publicUrl }: Surroundings,
): SimulatorState {
  const kept = controlSchema.parse(file.load('control')[0] ?? {});
  const clock = options.clock ?? openClock(options, kept.clock, () => keepControl());
  const ids = createIds(options.randomBytes);
  const calls = createApiCalls();
  let current: Settings = { ...defaultSettings, ...kept.settings, ...options.settings };
  const settings = () => current;

  const keepControl = () =>
    file.keep('control', 'control', () => ({
      settings: current,
      faults: faults.list(),
      seed: faults.seed(),
      events: faults.eventsSoFar(),
      ...(options.clock === undefined && { clock: z.encode(clockStateSchema, clock.state()) }),
    }));
  const faults = createFaults({
    seed: options.seed ?? kept.seed ?? 1,
    // An explicit seed restarts the chances of the faults in the file.
    active: (kept.faults ?? []).map((fault) => (options.seed === undefined ? fault : { ...fault, drawn: 0 })),
    events: options.seed === undefined ? (kept.events ?? 0) : 0,
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
    onTry: ({ id, event, paymentIntentId, state }, { status, error, latencyMs }) =>
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
  keepControl();

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
    publicUrl,
    changeSettings(change) {
      current = { ...current, ...parseSettingsChange(change) };
      intents.resetTimers();
      keepControl();
    },
    isKnownKey: (key) => key.startsWith('sk_sandbox_') && (apiKeys === undefined || apiKeys.includes(key)),
    clear() {
      for (const store of [intents, customers, subscriptions, deliveries, calls]) store.clear();
      file.clear();
    },
    async close() {
      await deliveries.close();
      clock.close();
      file.close();
    },
  };
}

const clockStateSchema = z.object({ offsetMs: z.int(), stoppedAt: instantSchema.nullable() });

const controlSchema = z.object({
  settings: settingsChangeSchema.optional(),
  faults: z.array(activeFaultSchema).optional(),
  seed: z.int().optional(),
  events: z.int().optional(),
  clock: clockStateSchema.optional(),
});

/** Continues from the state file: a running clock by its offset from the machine's, a stopped one where it stood. */
function openClock(options: StateOptions, kept: ClockState | undefined, onChange: () => void): Clock {
  const stoppedAt = kept?.stoppedAt ?? null;
  const startAt = options.startAt ?? stoppedAt;
  return createClock({
    isStopped: options.isClockStopped ?? stoppedAt !== null,
    offsetMs: kept?.offsetMs ?? 0,
    ...(startAt !== null && { startAt }),
    onChange,
  });
}
