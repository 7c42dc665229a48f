import { z } from 'zod';
import {
  apiFaultTable,
  canMeet,
  type Fault,
  type FaultKind,
  type FaultRequest,
  faultSchema,
  faultShape,
  sentinels,
  type WebhookFaultKind,
} from './faults.ts';
import type { Operation } from './operations.ts';

export const activeFaultSchema = faultShape
  .extend({
    id: z.string(),
    happened: z.int(),
    /** How many random numbers the fault has drawn: its place in its own series. */
    drawn: z.int().default(0),
  })
  .readonly();
/** A fault that is switched on, and how often it has happened. */
export type ActiveFault = z.output<typeof activeFaultSchema>;

/** The intent of a call or webhook; nulls for a call without one. `amount` in minor units. */
export type FaultSubject = { readonly paymentIntentId: string | null; readonly amount: number | null };

type DeliveryDraw = { readonly event: number; readonly deliveryTry: number };

export type Faults = {
  list(): readonly ActiveFault[];
  /** Missing members get their defaults. Throws ZodError if the fault could never happen. */
  add(fault: FaultRequest): ActiveFault;
  /** False if there is no such fault. */
  remove(id: string): boolean;
  /** Switches all faults off, and restarts fault numbers, event numbers and chances. */
  reset(seed: number): void;
  seed(): number;
  /** The faults that happen to this call. Each lookup draws again. */
  forCall(operation: Operation, subject: FaultSubject): readonly Fault[];
  /** The faults among `kinds` that happen to this event. Each lookup draws again. */
  forEvent<Kind extends WebhookFaultKind>(
    kinds: readonly Kind[],
    subject: FaultSubject,
  ): ReadonlyMap<Kind, Fault>;
  /** The number of the next event, which its delivery tries draw by. */
  nextEvent(): number;
  eventsSoFar(): number;
  /**
   * The faults among `kinds` that happen to this delivery try. Tries of several events leave in the order in which shops
   * answer, so each draws by the number of its event and its own number, from 0, and not in order. Only the use of `times`
   * still depends on that order.
   */
  forDeliveryTry<Kind extends WebhookFaultKind>(
    kinds: readonly Kind[],
    subject: FaultSubject,
    draw: DeliveryDraw,
  ): ReadonlyMap<Kind, Fault>;
};

/**
 * Each fault draws from its own random series, which starts from the seed and the number of the fault. So the same calls in
 * the same order meet the same faults, whatever happens to other calls and webhooks, and across restarts.
 */
export function createFaults(options: {
  seed: number;
  active?: readonly ActiveFault[];
  /** The number of events so far. */
  events?: number;
  onChange?: () => void;
}): Faults {
  let active: ActiveFault[] = [...(options.active ?? [])];
  let seed = options.seed;
  let events = options.events ?? 0;
  let lastNumber = Math.max(0, ...active.map(({ id }) => numberOf(id)));

  /** Decides whether the fault happens now, and records the draw and the result. */
  function happens(fault: ActiveFault, draw: DeliveryDraw | null): boolean {
    const { id, chance, times, happened } = fault;
    if (times !== undefined && happened >= times) return false;
    const series = seed ^ Math.imul(numberOf(id), 0x9e3779b9);
    const isHit =
      (draw === null
        ? randomAt(series, fault.drawn)
        : randomAt(series ^ Math.imul(draw.event, 0x85ebca6b), draw.deliveryTry)) < chance;
    const drawn = fault.drawn + Number(draw === null);
    const updated = { ...fault, drawn, happened: happened + Number(isHit) };
    active = active.map((entry) => (entry.id === id ? updated : entry));
    options.onChange?.();
    return isHit;
  }

  function find(
    subject: FaultSubject,
    applies: (fault: Fault) => boolean,
    draw: DeliveryDraw | null = null,
  ): Fault[] {
    const bySentinel = sentinels.filter(({ amount, fault }) => amount === subject.amount && applies(fault));
    const switchedOn = active.filter(
      (fault) =>
        applies(fault) &&
        (fault.paymentIntentId === undefined || fault.paymentIntentId === subject.paymentIntentId) &&
        happens(fault, draw),
    );
    return [...bySentinel.map(({ fault }) => fault), ...switchedOn];
  }

  return {
    list: () => active,
    add(fault) {
      const parsed = faultSchema.parse(fault);
      lastNumber += 1;
      const added = { ...parsed, id: `fault_${lastNumber}`, happened: 0, drawn: 0 };
      active = [...active, added];
      options.onChange?.();
      return added;
    },
    remove(id) {
      const left = active.filter((fault) => fault.id !== id);
      const isRemoved = left.length < active.length;
      active = left;
      options.onChange?.();
      return isRemoved;
    },
    reset(newSeed) {
      active = [];
      seed = newSeed;
      lastNumber = 0;
      events = 0;
      options.onChange?.();
    },
    seed: () => seed,
    forCall: (operation, subject) => find(subject, (fault) => appliesTo(fault, operation)),
    forEvent: (kinds, subject) => byKind(find(subject, isAmong(kinds))),
    nextEvent() {
      events += 1;
      options.onChange?.();
      return events;
    },
    eventsSoFar: () => events,
    forDeliveryTry: (kinds, subject, draw) => byKind(find(subject, isAmong(kinds), draw)),
  };
}

function isAmong(kinds: readonly FaultKind[]) {
  return ({ kind }: Fault) => kinds.includes(kind);
}

function byKind<Kind extends FaultKind>(faults: readonly Fault[]): ReadonlyMap<Kind, Fault> {
  return new Map(faults.map((fault) => [fault.kind as Kind, fault]));
}

function appliesTo({ kind, operation: only }: Fault, operation: Operation): boolean {
  if (!(kind in apiFaultTable) || (only !== undefined && only !== operation)) return false;
  return canMeet(kind, operation);
}

function numberOf(faultId: string): number {
  return Number(faultId.slice('fault_'.length));
}

/** The number, from 0 to 1, at this place in the Mulberry32 series of the seed. */
function randomAt(seed: number, place: number): number {
  const state = (seed + Math.imul(place + 1, 0x6d2b79f5)) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
