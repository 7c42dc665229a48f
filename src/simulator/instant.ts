/** ISO 8601 in UTC with seven fractional digits, the way Dojo writes most dates. */
export function formatInstant(date: Date): string {
  return date.toISOString().replace('Z', '0000Z');
}
