import { z } from 'zod';

/** A date in the process, ISO 8601 in the state file. */
export const instantSchema = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

const typedInstant = z.union([z.iso.datetime({ offset: true }), z.iso.date()]);

/** What a person writes: ISO 8601 with its zone, or a day, which begins at midnight UTC. Null where it is neither. */
export function parseInstant(text: string): Date | null {
  const parsed = typedInstant.safeParse(text);
  return parsed.success ? new Date(parsed.data) : null;
}

/** ISO 8601 in UTC with seven fractional digits, the way Dojo writes most dates. */
export function formatInstant(date: Date): string {
  return date.toISOString().replace('Z', '0000Z');
}

const timespanPattern = /^(?:(\d{1,2})\.)?([01]?\d|2[0-3]):([0-5]?\d):([0-5]?\d)$/;

/** Seconds of `dd.hh:MM:ss`; null where it is not that. */
export function parseTimespan(value: string): number | null {
  const parts = timespanPattern.exec(value);
  if (parts === null) return null;
  const [days, hours, minutes, seconds] = parts.slice(1).map((part) => Number(part ?? 0));
  return (((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0);
}
