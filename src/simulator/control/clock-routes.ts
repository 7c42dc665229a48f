import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { describeErrors, type InputErrors } from '../input-errors.ts';
import { formatTime } from '../pages.ts';
import { type Clock, clockRange } from '../state/clock.ts';
import { parseInstant, parseTimespan } from '../state/instant.ts';
import type { SimulatorState } from '../state/simulator-state.ts';
import { inputOf, refuseInput, sendDone, sendFormPage, typedInto, wantsPage } from './page-or-json.ts';

const page = '/simulator/clock';

const clockChangeSchema = z
  .strictObject({
    /** ISO 8601, or `machine` for the machine's time. */
    now: z
      .union([z.literal('machine'), z.string().transform(parseInstant).pipe(z.date())], {
        error: 'must be a time like 2026-11-22T10:00:00Z, a day like 2026-11-22, or machine',
      })
      .optional(),
    advanceMs: z.int().min(0).optional(),
    /** Dojo's `dd.hh:MM:ss`. */
    advance: z
      .custom<string>((value) => typeof value === 'string' && parseTimespan(value) !== null, {
        error: 'must be dd.hh:MM:ss, like 1.00:00:00 for a day',
      })
      .transform((text) => parseTimespan(text) ?? 0)
      .optional(),
    isStopped: z.boolean().optional(),
  })
  .refine(({ advance, advanceMs }) => advance === undefined || advanceMs === undefined, {
    path: ['advance'],
    error: 'must not come together with advanceMs',
  });
type ClockChange = z.output<typeof clockChangeSchema>;

const fields = Object.freeze(['now', 'advance', 'advanceMs', 'isStopped']);

/** Reads and moves the simulator's time. The answer comes after everything that falls due on the way. */
export function createClockRouter({ clock }: SimulatorState): Router {
  const router = Router();
  const read = () => ({ now: clock.now(), isStopped: clock.isStopped(), offsetMs: clock.state().offsetMs });

  router.get('/', (req, res) => {
    if (wantsPage(req)) sendClock(req, res);
    else res.json(read());
  });

  router.post('/', (req, res) => {
    const parsed = clockChangeSchema.safeParse(inputOf(req, { advanceMs: 'number', isStopped: 'boolean' }));
    const errors = parsed.success ? move(clock, parsed.data) : describeErrors(parsed.error, fields);
    if (errors === null) sendDone(req, res, { page, notice: 'moved', json: read() });
    else refuseInput(req, errors, () => sendClock(req, res, errors));
  });

  function sendClock(req: Request, res: Response, errors?: InputErrors): void {
    const { now, isStopped, offsetMs } = read();
    const { now: typedNow = '', advance = '' } = typedInto(req);
    sendFormPage(req, res, {
      name: 'control-clock',
      title: 'Clock',
      errors,
      labels: { now: 'The time', advance: 'The span' },
      whole: 'clock',
      page: {
        now: now.toISOString(),
        shownNow: formatTime(now),
        isStopped,
        offset: describeOffset(offsetMs),
        typed: { now: typedNow, advance },
      },
    });
  }

  return router;
}

/** Stops first and starts last, so that the clock shows exactly the given time. */
function move(clock: Clock, { now, advance, advanceMs, isStopped }: ClockChange): InputErrors | null {
  const start = now === undefined ? clock.now().getTime() : now === 'machine' ? Date.now() : now.getTime();
  const goal = start + (advanceMs ?? (advance ?? 0) * 1000);
  if (goal < clockRange.earliest.getTime() || goal > clockRange.latest.getTime()) {
    const [from, to] = [clockRange.earliest, clockRange.latest].map((date) =>
      date.toISOString().slice(0, 10),
    );
    return { [now === undefined ? 'advance' : 'now']: [`must lead to a time from ${from} to ${to}`] };
  }
  if (isStopped === true) clock.stop();
  if (now !== undefined || goal !== start) clock.set(new Date(goal));
  if (isStopped === false) clock.start();
  return null;
}

function describeOffset(offsetMs: number): string {
  const seconds = Math.round(Math.abs(offsetMs) / 1000);
  if (seconds === 0) return ' at the machine’s time';
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const span = units.flatMap(([count, unit]) => (count > 0 ? [`${count} ${unit}`] : [])).join(' ');
  return `, ${span} ${offsetMs > 0 ? 'ahead of' : 'behind'} the machine’s time`;
}
