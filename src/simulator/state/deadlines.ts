import type { Settings } from '../settings.ts';
import { parseTimespan } from './instant.ts';
import { dayMs, isPayable, type PaymentIntent, reservedAmount } from './payment-intent.ts';
import { capture, expire, release, type Transition } from './transitions.ts';

export type Deadline = {
  readonly at: Date;
  readonly transition: (intent: PaymentIntent, now: Date) => Transition;
};

/** What time does to an intent, and when; null where nothing is left to happen. */
export function findDeadline(intent: PaymentIntent, settings: Settings): Deadline | null {
  if (isPayable(intent)) {
    return { at: intent.expireAt, transition: (before, now) => expire(before, now, settings) };
  }
  if (intent.payment === null || reservedAmount(intent) === 0) return null;
  const { autoExpireIn, autoExpireAction } = intent.request;
  const seconds = autoExpireIn ? parseTimespan(autoExpireIn) : null;
  // Without a span of its own a reservation lasts seven days (docs.dojo.tech, capture), and is then released.
  if (seconds === null) {
    return { at: new Date(intent.payment.at.getTime() + 7 * dayMs), transition: release };
  }
  const start = settings.autoExpireFrom === 'creation' ? intent.createdAt : intent.payment.at;
  return {
    at: new Date(start.getTime() + seconds * 1000),
    transition:
      autoExpireAction === 'Capture' ? (before, now) => captureRest(before, now, settings) : release,
  };
}

function captureRest(intent: PaymentIntent, now: Date, settings: Settings): Transition {
  // A refund of all that was captured so far ends the intent before its reservation does.
  if (intent.status === 'Refunded') return release(intent, now);
  const amount = reservedAmount(intent);
  return capture(intent, { id: `cp_rest_of_${intent.id}`, amount, tipsAmount: null, at: now }, settings);
}
