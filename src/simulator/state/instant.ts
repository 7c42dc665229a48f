import { z } from 'zod';

/** A date in the process, ISO 8601 in the state file. */
export const instantSchema = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

/** ISO 8601 in UTC with seven fractional digits, the way Dojo writes most dates. */
export function formatInstant(date: Date): string {
  return date.toISOString().replace('Z', '0000Z');
}
