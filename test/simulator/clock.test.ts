import { describe, expect, test, vi } from 'vitest';
import { clockRange, createClock } from '../../src/simulator/state/clock.ts';

const start = new Date('2026-11-22T10:00:00Z');
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const at = (ms: number) => new Date(start.getTime() + ms);

/** A stopped clock, and a record of the tasks that ran and the times they saw. */
function createNoted() {
  const clock = createClock({ startAt: start, isStopped: true });
  const ran: [string, Date][] = [];
  return { clock, ran, note: (name: string) => () => void ran.push([name, clock.now()]) };
}

/** A machine whose time the test sets; its timers are real. */
function createMachine() {
  let ms = start.getTime();
  return { read: () => ms, pass: (byMs: number) => (ms += byMs) };
}

describe('moved forwards', () => {
  test('it runs what falls due on the way, in order, each task at its own time', () => {
    const { clock, ran, note } = createNoted();
    clock.setTimer(note('third'), 3 * hourMs);
    clock.setTimer(note('first'), hourMs);
    clock.setTimer(note('second'), 2 * hourMs);
    clock.setTimer(note('second too'), 2 * hourMs);
    clock.setTimer(note('too late'), 5 * hourMs);
    clock.advance(4 * hourMs);
    expect(ran).toEqual([
      ['first', at(hourMs)],
      ['second', at(2 * hourMs)],
      ['second too', at(2 * hourMs)],
      ['third', at(3 * hourMs)],
    ]);
    expect(clock.now()).toEqual(at(4 * hourMs));
  });

  test('it runs tasks that a task adds on the way, and not those that it cancels', () => {
    const { clock, ran, note } = createNoted();
    clock.setTimer(() => clock.setTimer(note('again'), hourMs), hourMs);
    const callOff = clock.setTimer(note('called off'), 3 * hourMs);
    clock.setTimer(callOff, 2 * hourMs);
    clock.advance(dayMs);
    expect(ran).toEqual([['again', at(2 * hourMs)]]);
  });

  test('it can wait longer than a timer of Node', () => {
    const { clock, ran, note } = createNoted();
    clock.setTimer(note('in a century'), 36_500 * dayMs);
    clock.advance(36_499 * dayMs);
    expect(ran).toEqual([]);
    clock.advance(dayMs);
    expect(ran).toEqual([['in a century', at(36_500 * dayMs)]]);
  });

  test('all tasks run even if some throw, and the errors are thrown at the end', () => {
    const { clock, ran, note } = createNoted();
    const fail = (message: string) => () => {
      throw new Error(message);
    };
    clock.setTimer(fail('one'), 1);
    clock.setTimer(note('between'), 2);
    expect(() => clock.advance(10)).toThrow('one');
    clock.setTimer(fail('two'), 1);
    clock.setTimer(fail('three'), 2);
    clock.setTimer(note('last'), 3);
    expect(() => clock.advance(10)).toThrow(AggregateError);
    expect(ran.map(([name]) => name)).toEqual(['between', 'last']);
    expect(clock.now()).toEqual(at(20));
  });

  test('a task can move it further, and no task runs twice', () => {
    const { clock, ran, note } = createNoted();
    clock.setTimer(() => clock.advance(5 * hourMs), hourMs);
    clock.setTimer(note('beyond the first goal'), 4 * hourMs);
    clock.advance(2 * hourMs);
    expect(ran).toEqual([['beyond the first goal', at(4 * hourMs)]]);
    expect(clock.now()).toEqual(at(6 * hourMs));
  });

  test('a task that moves it less far changes nothing', () => {
    const { clock } = createNoted();
    clock.setTimer(() => clock.advance(1), hourMs);
    clock.advance(2 * hourMs);
    expect(clock.now()).toEqual(at(2 * hourMs));
  });

  test('a task that sets it back ends the move', () => {
    const { clock, ran, note } = createNoted();
    clock.setTimer(() => clock.set(start), hourMs);
    clock.setTimer(note('not reached'), 90 * 60_000);
    clock.advance(2 * hourMs);
    expect(clock.now()).toEqual(start);
    expect(ran).toEqual([]);
    clock.advance(2 * hourMs);
    expect(ran).toEqual([['not reached', at(90 * 60_000)]]);
  });

  test('ten thousand timers can be set, cancelled and run without delay', () => {
    const { clock } = createNoted();
    let count = 0;
    const callOffs = Array.from({ length: 10_000 }, (_, index) =>
      clock.setTimer(() => (count += 1), 30 * dayMs - index),
    );
    for (const callOff of callOffs.slice(5_000)) callOff();
    clock.advance(30 * dayMs);
    expect(count).toBe(5_000);
  });
});

describe('moved backwards', () => {
  test('it runs only what was due already, and later tasks at their time', () => {
    const { clock, ran, note } = createNoted();
    clock.setTimer(note('due'), 0);
    clock.setTimer(note('ahead'), hourMs);
    clock.set(at(-dayMs));
    expect(ran).toEqual([['due', start]]);
    expect(clock.now()).toEqual(at(-dayMs));
    clock.advance(dayMs);
    expect(ran).toHaveLength(1);
    clock.advance(hourMs);
    expect(ran.at(-1)).toEqual(['ahead', at(hourMs)]);
  });
});

test.each([
  ['no time', new Date('x')],
  ['before 1970', new Date(clockRange.earliest.getTime() - 1)],
  ['after 9000', new Date(clockRange.latest.getTime() + 1)],
])('it refuses %s and does not move', (_what, time) => {
  const { clock } = createNoted();
  expect(() => clock.set(time)).toThrow(RangeError);
  expect(clock.now()).toEqual(start);
});

describe('running', () => {
  test('it keeps its offset from the machine, and runs what is due', async () => {
    const machine = createMachine();
    const clock = createClock({ machineMs: machine.read });
    expect(clock.now()).toEqual(start);
    clock.advance(dayMs);
    machine.pass(1_000);
    expect(clock.now()).toEqual(at(dayMs + 1_000));
    expect(clock.state()).toEqual({ offsetMs: dayMs, stoppedAt: null });
    const ran = new Promise<Date>((resolve) => clock.setTimer(() => resolve(clock.now()), 0));
    expect(await ran).toEqual(at(dayMs + 1_000));
  });

  test('it keeps its offset from the machine while tasks run', async () => {
    const machine = createMachine();
    const clock = createClock({ machineMs: machine.read, offsetMs: hourMs });
    await new Promise<void>((resolve) => clock.setTimer(resolve, 0));
    machine.pass(5);
    const seen = await new Promise<Date[]>((resolve) =>
      clock.setTimer(() => {
        const before = clock.now();
        machine.pass(400);
        resolve([before, clock.now()]);
      }, 0),
    );
    expect(seen).toEqual([at(hourMs + 5), at(hourMs + 5)]);
    await vi.waitFor(() => expect(clock.now()).toEqual(at(hourMs + 405)));
  });

  test('after the machine has slept, it runs everything that fell due', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const machine = createMachine();
      const clock = createClock({ machineMs: machine.read });
      const task = vi.fn();
      clock.setTimer(task, dayMs);
      machine.pass(2 * dayMs);
      // Its timers stopped too, so none noticed the day that passed.
      await vi.advanceTimersByTimeAsync(60_000);
      expect(task).toHaveBeenCalledOnce();
    } finally {
      vi.useRealTimers();
    }
  });

  test('no timer is so long that Node turns it into a millisecond', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const waits: (number | undefined)[] = [];
      const { setTimeout: fake } = globalThis;
      vi.spyOn(globalThis, 'setTimeout').mockImplementation(((task: () => void, ms?: number) => {
        waits.push(ms);
        return fake(task, ms);
      }) as typeof setTimeout);
      const clock = createClock();
      clock.setTimer(() => undefined, 60 * dayMs);
      expect(waits).toHaveLength(1);
      expect(waits[0]).toBeGreaterThan(1_000);
      expect(waits[0]).toBeLessThan(2 ** 31);
    } finally {
      vi.restoreAllMocks();
      vi.useRealTimers();
    }
  });
});

describe('stopped', () => {
  test('it does not move, and still runs what is due already', async () => {
    const machine = createMachine();
    const clock = createClock({ machineMs: machine.read });
    clock.stop();
    machine.pass(dayMs);
    expect(clock.now()).toEqual(start);
    expect(clock.isStopped()).toBe(true);
    expect(clock.state()).toEqual({ offsetMs: -dayMs, stoppedAt: start });
    const later = vi.fn();
    clock.setTimer(later, 1);
    await new Promise<void>((resolve) => clock.setTimer(resolve, 0));
    expect(later).not.toHaveBeenCalled();
  });

  test('it continues from where it stood once started, and waiting tasks run', async () => {
    const machine = createMachine();
    const clock = createClock({ machineMs: machine.read, isStopped: true });
    const ran = new Promise<Date>((resolve) => clock.setTimer(() => resolve(clock.now()), 10));
    machine.pass(dayMs);
    clock.start();
    expect(clock.now()).toEqual(start);
    machine.pass(10);
    expect(await ran).toEqual(at(10));
    expect(clock.state()).toEqual({ offsetMs: -dayMs, stoppedAt: null });
  });

  test('stopping or starting it twice is the same as once', () => {
    const machine = createMachine();
    const clock = createClock({ machineMs: machine.read });
    clock.stop();
    machine.pass(100);
    clock.stop();
    expect(clock.now()).toEqual(start);
    clock.start();
    machine.pass(100);
    clock.start();
    expect(clock.now()).toEqual(at(100));
  });

  test('a task can stop it during a move, and it stops at the goal', () => {
    const machine = createMachine();
    const clock = createClock({ machineMs: machine.read });
    clock.setTimer(() => clock.stop(), hourMs);
    clock.advance(2 * hourMs);
    machine.pass(dayMs);
    expect(clock.now()).toEqual(at(2 * hourMs));
  });
});

test('it reports each change with its final state, even while tasks run', () => {
  const states: unknown[] = [];
  const clock = createClock({
    startAt: start,
    isStopped: true,
    machineMs: start.getTime.bind(start),
    onChange: () => states.push(clock.state().stoppedAt),
  });
  clock.setTimer(() => states.push(clock.state().stoppedAt), hourMs);
  clock.advance(2 * hourMs);
  clock.start();
  expect(states).toEqual([at(2 * hourMs), at(2 * hourMs), null]);
});

test('nothing runs after it is closed', async () => {
  const clock = createClock();
  const task = vi.fn();
  clock.setTimer(task, 0);
  clock.close();
  await new Promise<void>((resolve) => createClock().setTimer(resolve, 0));
  expect(task).not.toHaveBeenCalled();
});
