export type Clock = {
  now(): Date;
  /** Runs the task when its time has come on this clock; gives a way to call it off. */
  setTimer(task: () => void, delayMs: number): () => void;
  /**
   * Sets the time. What falls due on the way runs first, in order, each task at its own time; backwards only what was due
   * already. All of it runs, whatever one task throws; then the error is thrown on. RangeError outside `clockRange`.
   */
  set(time: Date): void;
  /** As `set`, counted from now. */
  advance(byMs: number): void;
  /** Does now what is due already: a timer comes a moment late, and half a minute late after the machine has slept. */
  runDue(): void;
  /** A stopped clock only moves when it is set or advanced. */
  stop(): void;
  start(): void;
  isStopped(): boolean;
  /** Where it stands, also while tasks on the way there still see an earlier time. */
  state(): ClockState;
  /** Calls off everything that waits. */
  close(): void;
};

export type ClockState = {
  /** How far it is ahead of the machine's time; below zero where it is behind. */
  readonly offsetMs: number;
  /** The time at which it stands still; null while it runs. */
  readonly stoppedAt: Date | null;
};

/** What everything that is counted from the time has room in: four digits for the year, also of what comes a while later. */
export const clockRange = Object.freeze({
  earliest: new Date('1970-01-01T00:00:00Z'),
  latest: new Date('9000-01-01T00:00:00Z'),
});

export type ClockOptions = {
  /** The machine's time, and `offsetMs` ahead of it, where it is missing. */
  readonly startAt?: Date;
  readonly offsetMs?: number;
  readonly isStopped?: boolean;
  /** The machine's own time, in milliseconds since 1970. */
  readonly machineMs?: () => number;
  /** Called whenever somebody has set, stopped or started it. */
  readonly onChange?: () => void;
};

type Waiting = { readonly dueMs: number; readonly number: number; readonly task: () => void };

/**
 * Node's timers stand still while a machine sleeps, and its time does not: so nothing is awaited longer than this. It is
 * also far below 2^31 ms, from which Node makes a wait of one millisecond.
 */
const longestWaitMs = 30_000;

/** The simulator's own time: that of the machine until somebody sets it. */
export function createClock(options: ClockOptions = {}): Clock {
  const { machineMs = Date.now, onChange } = options;
  let aheadMs =
    options.startAt === undefined ? (options.offsetMs ?? 0) : options.startAt.getTime() - machineMs();
  let stoppedAtMs = options.isStopped ? machineMs() + aheadMs : null;
  /** The time that tasks see while they run; null while none does. */
  let taskMs: number | null = null;
  let goalMs = 0;
  let lastNumber = 0;
  /** Soonest first, and of those due at once the first that was set. */
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
    // What is due already runs on a stopped clock too: its time does not have to come any more.
    if (stoppedAtMs !== null && waitMs > 0) return;
    alarm = setTimeout(() => runUntil(nowMs()), Math.min(Math.max(waitMs, 0), longestWaitMs));
    alarm.unref();
  }

  /** Runs what is due, from the time that it is to the goal; a task may set the time again and so move the goal. */
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
    // A part of a millisecond is none of a date, and could not be read again from a state file.
    const ms = Math.trunc(toMs);
    if (!(ms >= clockRange.earliest.getTime() && ms <= clockRange.latest.getTime()))
      throw new RangeError('The clock goes from the year 1970 to the year 9000.');
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

  /** The first place in the row that does not come before this. */
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
