export type Clock = {
  now(): Date;
  /** Runs the task when its time has come on this clock; gives a way to call it off. */
  setTimer(task: () => void, delayMs: number): () => void;
  /** Sets the time. What falls due on the way runs first, in order, each task at its own time; backwards nothing runs. */
  set(time: Date): void;
  advance(byMs: number): void;
  /** A stopped clock only moves when it is set or advanced. */
  stop(): void;
  start(): void;
  isStopped(): boolean;
  /** Calls off everything that waits. */
  close(): void;
};

type Waiting = { readonly dueMs: number; readonly task: () => void };

/** Node turns a longer wait into one of a millisecond. */
const longestWaitMs = 2 ** 31 - 1;

/** The simulator's own time: that of the machine until somebody sets it. */
export function createClock(options: { startAt?: Date; isStopped?: boolean } = {}): Clock {
  let isStopped = options.isStopped ?? false;
  let anchorMs = (options.startAt ?? new Date()).getTime();
  let anchoredAt = performance.now();
  let isRunningTasks = false;
  /** Soonest first. */
  const waiting: Waiting[] = [];
  let alarm: NodeJS.Timeout | undefined;

  const elapsedMs = () => (isStopped || isRunningTasks ? 0 : performance.now() - anchoredAt);
  const nowMs = () => Math.floor(anchorMs + elapsedMs());

  function anchor(ms: number): void {
    anchorMs = ms;
    anchoredAt = performance.now();
  }

  function setAlarm(): void {
    clearTimeout(alarm);
    const next = waiting[0];
    if (next === undefined) return;
    const waitMs = next.dueMs - nowMs();
    // What is due already runs on a stopped clock too: its time does not have to come any more.
    if (isStopped && waitMs > 0) return;
    alarm = setTimeout(() => runUntil(nowMs()), Math.min(Math.max(waitMs, 0), longestWaitMs));
    alarm.unref();
  }

  function runUntil(untilMs: number): void {
    if (isRunningTasks) return;
    isRunningTasks = true;
    try {
      for (let next = waiting[0]; next !== undefined && next.dueMs <= untilMs; next = waiting[0]) {
        waiting.shift();
        anchor(Math.max(next.dueMs, anchorMs));
        next.task();
      }
    } finally {
      isRunningTasks = false;
      anchor(untilMs);
      setAlarm();
    }
  }

  return {
    now: () => new Date(nowMs()),
    setTimer(task, delayMs) {
      const entry = { dueMs: nowMs() + delayMs, task };
      const later = waiting.findLastIndex(({ dueMs }) => dueMs <= entry.dueMs) + 1;
      waiting.splice(later, 0, entry);
      if (later === 0) setAlarm();
      return () => {
        const index = waiting.indexOf(entry);
        if (index !== -1) waiting.splice(index, 1);
      };
    },
    set(time) {
      if (time.getTime() < nowMs()) anchor(time.getTime());
      else {
        anchor(nowMs());
        runUntil(time.getTime());
      }
      setAlarm();
    },
    advance(byMs) {
      this.set(new Date(nowMs() + byMs));
    },
    stop() {
      anchor(nowMs());
      isStopped = true;
      setAlarm();
    },
    start() {
      anchor(nowMs());
      isStopped = false;
      setAlarm();
    },
    isStopped: () => isStopped,
    close() {
      waiting.length = 0;
      clearTimeout(alarm);
    },
  };
}
