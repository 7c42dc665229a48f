/** The options of every suite. */
export type Bench = {
  /** An empty folder on the measured disk. */
  readonly folder: string;
  readonly rounds: number;
  /** The measured time of one turn, after its warm-up. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Small sizes that only test the benchmark; the figures mean nothing. */
  readonly isQuick: boolean;
  readonly hasTenMillion: boolean;
  /** The folder for CPU profiles of the shop; null for none. */
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
  /** NaN if it could not be measured. */
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

/** Node's options for CPU profiles. */
export function profileArgv({ profiles }: Bench): readonly string[] {
  return profiles === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
}
