export type Clock = {
  now(): Date;
  /** Runs the task when it is due on this clock. Returns a function that cancels it. */
  setTimer(task: () => void, delayMs: number): () => void;
  /**
   * Sets the time. Tasks that fall due on the way run first, in order, each at its own time; on the way back, only tasks that
   * were due already. All of them run even if one throws; its error is thrown at the end. RangeError outside `clockRange`.
   */
  set(time: Date): void;
  /** Like `set`, from now. */
  advance(byMs: number): void;
  /** Runs what is due already: timers are a moment late, and half a minute late after the machine has slept. */
  runDue(): void;
  /** A stopped clock moves only when it is set or advanced. */
  stop(): void;
  start(): void;
  isStopped(): boolean;
  /** Where the clock stands, even while tasks on the way still see an earlier time. */
  state(): ClockState;
  /** Cancels all tasks. */
  close(): void;
};

export type ClockState = {
  /** How far it is ahead of the machine's time; negative if it is behind. */
  readonly offsetMs: number;
  /** The time at which it stands; null while it runs. */
  readonly stoppedAt: Date | null;
};

/** Leaves room for deadlines: the year of a later time has four digits too. */
export const clockRange = Object.freeze({
  earliest: new Date('1970-01-01T00:00:00Z'),
  latest: new Date('9000-01-01T00:00:00Z'),
});

export type ClockOptions = {
  /** Default: the machine's time plus `offsetMs`. */
  readonly startAt?: Date;
  readonly offsetMs?: number;
  readonly isStopped?: boolean;
  /** The machine's time, in milliseconds since 1970. */
  readonly machineMs?: () => number;
  /** Called after each set, stop and start. */
  readonly onChange?: () => void;
};

type Waiting = { readonly dueMs: number; readonly number: number; readonly task: () => void };

/**
 * Node's timers stop while the machine sleeps, but its time does not, so no timer is longer than this. It is also far below
 * 2^31 ms, which Node would turn into 1 ms.
 */
const longestWaitMs = 30_000;

/** The simulator's time: the machine's until it is set. */
export function createClock(options: ClockOptions = {}): Clock {
  const { machineMs = Date.now, onChange } = options;
  let aheadMs =
    options.startAt === undefined ? (options.offsetMs ?? 0) : options.startAt.getTime() - machineMs();
  let stoppedAtMs = options.isStopped ? machineMs() + aheadMs : null;
  /** The time that running tasks see; null while none runs. */
  let taskMs: number | null = null;
  let goalMs = 0;
  let lastNumber = 0;
  /** In order of due time, then of creation. */
  const waiting: Waiting[] = [];
  let alarm: NodeJS.Timeout | undefined;

  const nowMs = () => taskMs ?? stoppedAtMs ?? machineMs() + aheadMs;

  function moveTo(ms: number): void {
    if (stoppedAtMs === null) aheadMs = ms - machineMs();
    else stoppedAtMs = ms;
  }

  function setAlarm(): void {
    clearTimeout(alarm);
    const next = waiting[0];
    if (next === undefined || taskMs !== null) return;
    const waitMs = next.dueMs - nowMs();
    // A stopped clock still runs what is due already.
    if (stoppedAtMs !== null && waitMs > 0) return;
    alarm = setTimeout(() => runUntil(nowMs()), Math.min(Math.max(waitMs, 0), longestWaitMs));
    alarm.unref();
  }

  /** Runs what is due until the goal. A task may set the time again, and so move the goal. */
  function runUntil(untilMs: number, fromMs = nowMs()): void {
    const errors: unknown[] = [];
    goalMs = untilMs;
    taskMs = fromMs;
    for (let next = waiting[0]; next !== undefined && next.dueMs <= goalMs; next = waiting[0]) {
      waiting.shift();
      taskMs = Math.max(next.dueMs, taskMs);
      try {
        next.task();
      } catch (error) {
        errors.push(error);
      }
    }
    taskMs = null;
    setAlarm();
    if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors);
  }

  function set(toMs: number): void {
    // A date has no fractions of a millisecond, and the state file could not read them back.
    const ms = Math.trunc(toMs);
    if (!(ms >= clockRange.earliest.getTime() && ms <= clockRange.latest.getTime()))
      throw new RangeError('The clock takes times from 1970 to 9000.');
    const fromMs = nowMs();
    if (taskMs !== null && ms >= fromMs && ms <= goalMs) return;
    moveTo(ms);
    onChange?.();
    if (taskMs === null) runUntil(Math.max(ms, fromMs), fromMs);
    else {
      goalMs = ms;
      taskMs = Math.min(taskMs, ms);
    }
  }

  /** The first place in the queue that is not before this. */
  function placeOf(dueMs: number, number: number): number {
    let [low, high] = [0, waiting.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = waiting[middle] as Waiting;
      if (entry.dueMs < dueMs || (entry.dueMs === dueMs && entry.number < number)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    now: () => new Date(nowMs()),
    setTimer(task, delayMs) {
      lastNumber += 1;
      const entry = { dueMs: nowMs() + delayMs, number: lastNumber, task };
      const place = placeOf(entry.dueMs, entry.number);
      waiting.splice(place, 0, entry);
      if (place === 0) setAlarm();
      return () => {
        const found = placeOf(entry.dueMs, entry.number);
        if (waiting[found] === entry) waiting.splice(found, 1);
      };
    },
    runDue() {
      if (taskMs === null) runUntil(nowMs());
    },
    set: (time) => set(time.getTime()),
    advance: (byMs) => set(nowMs() + byMs),
    stop() {
      stoppedAtMs ??= machineMs() + aheadMs;
      setAlarm();
      onChange?.();
    },
    start() {
      if (stoppedAtMs !== null) aheadMs = stoppedAtMs - machineMs();
      stoppedAtMs = null;
      setAlarm();
      onChange?.();
    },
    isStopped: () => stoppedAtMs !== null,
    state: () => ({
      offsetMs: stoppedAtMs === null ? aheadMs : stoppedAtMs - machineMs(),
      stoppedAt: stoppedAtMs === null ? null : new Date(stoppedAtMs),
    }),
    close() {
      waiting.length = 0;
      clearTimeout(alarm);
    },
  };
}
