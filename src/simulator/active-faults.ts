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
    /** How often it was decided whether it happens: its place in its row of chances. */
    drawn: z.int().default(0),
  })
  .readonly();
/** A fault that is switched on, with how often it has happened. */
export type ActiveFault = z.output<typeof activeFaultSchema>;

/** Whom a fault is looked up for: `amount` in minor units, null where the call is about no intent. */
export type FaultSubject = { readonly paymentIntentId: string | null; readonly amount: number | null };

type AttemptDraw = { readonly event: number; readonly attempt: number };

export type Faults = {
  list(): readonly ActiveFault[];
  /** What the request leaves out has its default. Throws where there is no such fault. */
  add(fault: FaultRequest): ActiveFault;
  /** False where there is no such fault. */
  remove(id: string): boolean;
  /** Switches all of them off, and begins with numbers and chances anew. */
  reset(seed: number): void;
  seed(): number;
  /** Those that happen to this call, each time decided anew. */
  forCall(operation: Operation, subject: FaultSubject): readonly Fault[];
  /** Those among `kinds` that happen to this event, each time decided anew. */
  forEvent<Kind extends WebhookFaultKind>(
    kinds: readonly Kind[],
    subject: FaultSubject,
  ): ReadonlyMap<Kind, Fault>;
  /** The number of the next event, by which its attempts draw. */
  nextEvent(): number;
  eventsSoFar(): number;
  /**
   * Those among `kinds` that happen to this attempt to deliver an event. Attempts for several events leave in the order in
   * which shops answer, so each draws by its event's number and by its own, from 0, instead of in that order. Only which
   * attempts use up `times` is still decided by it.
   */
  forAttempt<Kind extends WebhookFaultKind>(
    kinds: readonly Kind[],
    subject: FaultSubject,
    draw: AttemptDraw,
  ): ReadonlyMap<Kind, Fault>;
};

/**
 * Every fault has a row of chances of its own, which begins with the seed and the fault's number: the same calls in the same
 * order meet the same faults, whatever happens to other calls and webhooks meanwhile, and also over a restart.
 */
export function createFaults(options: {
  seed: number;
  active?: readonly ActiveFault[];
  /** How many events there were before. */
  events?: number;
  onChange?: () => void;
}): Faults {
  let active: ActiveFault[] = [...(options.active ?? [])];
  let seed = options.seed;
  let events = options.events ?? 0;
  let lastNumber = Math.max(0, ...active.map(({ id }) => numberOf(id)));

  /** Whether it happens now; notes what came of it, and that it was decided where the fault's own row decides. */
  function happens(fault: ActiveFault, draw: AttemptDraw | null): boolean {
    const { id, chance, times, happened } = fault;
    if (times !== undefined && happened >= times) return false;
    const row = seed ^ Math.imul(numberOf(id), 0x9e3779b9);
    const isHit =
      (draw === null
        ? chanceAt(row, fault.drawn)
        : chanceAt(row ^ Math.imul(draw.event, 0x85ebca6b), draw.attempt)) < chance;
    const drawn = fault.drawn + Number(draw === null);
    const updated = { ...fault, drawn, happened: happened + Number(isHit) };
    active = active.map((entry) => (entry.id === id ? updated : entry));
    options.onChange?.();
    return isHit;
  }

  function find(
    subject: FaultSubject,
    isMeant: (fault: Fault) => boolean,
    draw: AttemptDraw | null = null,
  ): Fault[] {
    const bySentinel = sentinels.filter(({ amount, fault }) => amount === subject.amount && isMeant(fault));
    const switchedOn = active.filter(
      (fault) =>
        isMeant(fault) &&
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
    forCall: (operation, subject) => find(subject, (fault) => isMeantFor(fault, operation)),
    forEvent: (kinds, subject) => byKind(find(subject, isAmong(kinds))),
    nextEvent() {
      events += 1;
      options.onChange?.();
      return events;
    },
    eventsSoFar: () => events,
    forAttempt: (kinds, subject, draw) => byKind(find(subject, isAmong(kinds), draw)),
  };
}

function isAmong(kinds: readonly FaultKind[]) {
  return ({ kind }: Fault) => kinds.includes(kind);
}

function byKind<Kind extends FaultKind>(faults: readonly Fault[]): ReadonlyMap<Kind, Fault> {
  return new Map(faults.map((fault) => [fault.kind as Kind, fault]));
}

function isMeantFor({ kind, operation: only }: Fault, operation: Operation): boolean {
  if (!(kind in apiFaultTable) || (only !== undefined && only !== operation)) return false;
  return canMeet(kind, operation);
}

function numberOf(faultId: string): number {
  return Number(faultId.slice('fault_'.length));
}

/** The number, from 0 to 1, at a place of Mulberry32's row: the same for the same seed. */
function chanceAt(seed: number, place: number): number {
  const state = (seed + Math.imul(place + 1, 0x6d2b79f5)) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
