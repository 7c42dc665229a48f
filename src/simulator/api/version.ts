/** Every published release of the API, oldest first (docs.dojo.tech/development-resources/versioning-overview). */
export const apiReleases = ['2022-04-07', '2024-02-05', '2025-09-10', '2026-02-27'] as const;
export type ApiRelease = (typeof apiReleases)[number];

/**
 * The newest release not after the date that a `version` header names, since official samples send dates that are no
 * releases; the oldest for an earlier date; null for what is not a date.
 */
export function resolveApiVersion(header: string | undefined): ApiRelease | null {
  if (header === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(header)) return null;
  const date = new Date(`${header}T00:00:00Z`);
  // The calendar turns 30 February into 1 March.
  if (Number.isNaN(date.getTime()) || !date.toISOString().startsWith(header)) return null;
  return apiReleases.findLast((release) => release <= header) ?? apiReleases[0];
}
