import type { Settings } from '../settings.ts';
import type { Delivery, DeliveryAttempt } from './delivery.ts';

const seconds = (waits: readonly number[]) => waits.map((wait) => wait * 1000);

const retrySchedules = {
  'eleven-in-an-hour': seconds([1, 2, 5, 10, 20, 40, 80, 160, 300, 600, 1800]),
  'three-in-a-minute': seconds([5, 15, 40]),
  none: [],
} as const satisfies Record<Settings['webhookRetries'], readonly number[]>;

export type RetryRules = {
  readonly now: Date;
  readonly settings: Settings;
  /** In place of the setting: the waits between tries. */
  readonly retryDelaysMs?: readonly number[] | undefined;
  /** Nobody is tried again whose subscription is deleted. */
  readonly isSubscribed: boolean;
};

/**
 * What comes of the last attempt, and in how many milliseconds the next one is due, null where none is. An attempt that was
 * made besides the schedule can only make it better.
 */
export function settleAttempt(
  tried: Delivery,
  rules: RetryRules,
): { readonly delivery: Delivery; readonly retryInMs: number | null } {
  const last = tried.attempts.at(-1);
  if (last !== undefined && isAcknowledged(last, rules.settings))
    return { delivery: { ...tried, state: 'delivered', dueAt: null }, retryInMs: null };
  if (last === undefined || !isScheduled(last) || tried.state !== 'pending')
    return { delivery: tried, retryInMs: null };
  const retryInMs = findWaitMs(tried, last, rules);
  if (retryInMs === null) return { delivery: { ...tried, state: 'given-up', dueAt: null }, retryInMs: null };
  return { delivery: { ...tried, dueAt: new Date(rules.now.getTime() + retryInMs) }, retryInMs };
}

export function isScheduled({ reason }: DeliveryAttempt): boolean {
  return reason === 'schedule';
}

/** Null where it was the last try. */
function findWaitMs({ attempts }: Delivery, { status }: DeliveryAttempt, rules: RetryRules): number | null {
  const isRefused = status !== null && status >= 400 && status < 500;
  if (isRefused && rules.settings.webhookRefusal === 'given-up') return null;
  if (!rules.isSubscribed) return null;
  const waitsMs = rules.retryDelaysMs ?? retrySchedules[rules.settings.webhookRetries];
  return waitsMs[attempts.filter(isScheduled).length - 1] ?? null;
}

function isAcknowledged({ status }: DeliveryAttempt, settings: Settings): boolean {
  return status !== null && status >= 200 && status < (settings.webhookRedirect === 'success' ? 400 : 300);
}
