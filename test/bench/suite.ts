/** What every suite is told. */
export type Bench = {
  /** A folder of its own on the disk that is measured. */
  readonly folder: string;
  readonly rounds: number;
  /** How long one turn is measured, after its warm-up. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Sizes for a look at the benchmark itself; the figures mean nothing then. */
  readonly isQuick: boolean;
  readonly hasTenMillion: boolean;
  /** Where CPU profiles of the shop go; null makes none. */
  readonly profiles: string | null;
};

export type Table = {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
};

export type Aim = {
  readonly what: string;
  /** Such as `>= 0.45`. */
  readonly wanted: string;
  /** NaN where it could not be measured. */
  readonly got: number;
  readonly isReached: boolean;
};

/** What one suite found. `figures` are for programs. */
export type Report = {
  readonly tables: readonly Table[];
  readonly aims: readonly Aim[];
  readonly figures: unknown;
};

export function atLeast(what: string, got: number, least: number): Aim {
  return { what, wanted: `>= ${least}`, got, isReached: got >= least };
}

export function atMost(what: string, got: number, most: number): Aim {
  return { what, wanted: `<= ${most}`, got, isReached: got <= most };
}

/** What Node is started with where CPU profiles are wanted. */
export function profileArgv({ profiles }: Bench): readonly string[] {
  return profiles === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
}
