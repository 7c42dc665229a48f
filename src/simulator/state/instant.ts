import { z } from 'zod';

/** A date in memory, ISO 8601 in the state file. */
export const instantSchema = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

const typedInstant = z.union([z.iso.datetime({ offset: true }), z.iso.date()]);

/** ISO 8601 with a time zone, or a day, which starts at midnight UTC. Null for anything else. */
export function parseInstant(text: string): Date | null {
  const parsed = typedInstant.safeParse(text);
  return parsed.success ? new Date(parsed.data) : null;
}

/** ISO 8601 in UTC with seven fractional digits, as Dojo writes most dates. */
export function formatInstant(date: Date): string {
  return date.toISOString().replace('Z', '0000Z');
}

const timespanPattern = /^(?:(\d{1,2})\.)?([01]?\d|2[0-3]):([0-5]?\d):([0-5]?\d)$/;

/** The seconds of a `dd.hh:MM:ss`; null for anything else. */
export function parseTimespan(value: string): number | null {
  const match = timespanPattern.exec(value);
  if (match === null) return null;
  const [days, hours, minutes, seconds] = match.slice(1).map((digits) => Number(digits ?? 0));
  return (((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0);
}
