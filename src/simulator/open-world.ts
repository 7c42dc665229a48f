import type { Logger } from 'pino';
import { z } from 'zod';
import { activeFaultSchema, createFaults } from './active-faults.ts';
import { createApiCalls } from './api/call-log.ts';
import { createIds, type RandomBytes } from './ids.ts';
import type { Parts } from './parts.ts';
import { defaultSettings, parseSettingsChange, type Settings, settingsChangeSchema } from './settings.ts';
import { findAnnouncement } from './state/announcement.ts';
import { type Clock, type ClockState, createClock } from './state/clock.ts';
import { createCustomerStore } from './state/customer-store.ts';
import { createDeliveries } from './state/deliveries.ts';
import { instantSchema } from './state/instant.ts';
import { createPaymentIntentStore } from './state/payment-intent-store.ts';
import { noStateFile, openStateFile, type StateFile, StateFileError } from './state/state-file.ts';
import { createSubscriptionStore } from './state/subscription-store.ts';

export type WorldOptions = {
  /**
   * A clock of the caller's own, which no state file keeps, and for which `startAt` and `isClockStopped` mean nothing. The
   * machine's time, or what the state file has, where it is missing.
   */
  readonly clock?: Clock;
  /** Where the clock begins, in place of what the state file has. */
  readonly startAt?: Date;
  /** Whether the clock stands still until somebody moves it. */
  readonly isClockStopped?: boolean;
  readonly randomBytes?: RandomBytes;
  /** What the chances of faults begin with; 1, or what the state file has, where it is missing. */
  readonly seed?: number;
  readonly settings?: Partial<Settings>;
  /** The only API keys that are good; any `sk_sandbox_` key where it is missing. */
  readonly apiKeys?: readonly string[];
  /** A file that the state is kept in, and that is made where there is none; it ends with the process where it is missing. */
  readonly stateFile?: string;
  /** The waits between the tries to deliver a webhook, in place of the setting; one try more than there are waits. */
  readonly retryDelaysMs?: readonly number[];
  /** How long one try to deliver a webhook may take, in place of the setting. */
  readonly deliveryTimeoutMs?: number;
};

export type World = Omit<Parts, 'publicUrl'> & { close(): Promise<void> };

/**
 * Everything that the pretend Dojo knows, from its state file where it has one. Throws StateFileError, and RangeError for a
 * setting or a choice that does not exist.
 */
export function openWorld(options: WorldOptions, log: Logger): World {
  const { stateFile } = options;
  parseSettingsChange(options.settings ?? {});
  if (stateFile === undefined) return createWorld(options, noStateFile, log);
  const file = openStateFile(stateFile);
  try {
    return createWorld(options, file, log);
  } catch (error) {
    file.close();
    if (!(error instanceof z.ZodError || error instanceof SyntaxError)) throw error;
    const message = `${stateFile} has a record that this simulator can not read: name another, or a new one.`;
    throw new StateFileError('other-version', message, error);
  }
}

function createWorld(options: WorldOptions, file: StateFile, log: Logger): World {
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
    // With a seed of its own a run begins anew, with the faults that are there.
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
    changeSettings(change) {
      current = { ...current, ...parseSettingsChange(change) };
      intents.resetTimers();
      keepControl();
    },
    isKnownKey: (key) => key.startsWith('sk_sandbox_') && (apiKeys === undefined || apiKeys.includes(key)),
    clear() {
      for (const part of [intents, customers, subscriptions, deliveries, calls]) part.clear();
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

/** A clock that goes on where it was: by its distance from the machine's time, or standing where it stood. */
function openClock(options: WorldOptions, kept: ClockState | undefined, onChange: () => void): Clock {
  const stoppedAt = kept?.stoppedAt ?? null;
  const startAt = options.startAt ?? stoppedAt;
  return createClock({
    isStopped: options.isClockStopped ?? stoppedAt !== null,
    offsetMs: kept?.offsetMs ?? 0,
    ...(startAt !== null && { startAt }),
    onChange,
  });
}
