import { parseArgs } from 'node:util';
import { findFaults, isLiveKey, readPort } from './environment.ts';
import { type SettingName, type Settings, settingNames, settingTable } from './settings.ts';
import { clockRange } from './state/clock.ts';
import { parseInstant } from './state/instant.ts';

export type ParsedOptions =
  | { kind: 'run'; options: RunOptions }
  | { kind: 'help' }
  /** One line a fault, each with the name of the option or variable and the mend. */
  | { kind: 'faults'; faults: readonly string[] };

export type RunOptions = {
  readonly port: number;
  readonly host: string;
  readonly publicUrl?: string;
  readonly stateFile?: string;
  readonly seed?: number;
  readonly settings?: Partial<Settings>;
  readonly startAt?: Date;
  readonly isClockStopped?: true;
  readonly apiKeys?: readonly string[];
};

/** What each option takes; none for one that is there or not. */
const optionTable = Object.freeze({
  port: { takes: 'NUMBER', says: 'where it listens; 4000, or SIMULATOR_PORT, and 0 takes any that is free' },
  host: { takes: 'ADDRESS', says: 'the address that it listens on; 127.0.0.1' },
  'public-url': { takes: 'URL', says: 'where shoppers reach the payment page; http://localhost:PORT' },
  state: {
    takes: 'FILE',
    says: 'keeps everything in this file, seen from the project’s folder; all is forgotten without one',
  },
  seed: { takes: 'NUMBER', says: 'what the chances of faults begin with, so that a run repeats; 1' },
  set: { takes: 'NAME=CHOICE', says: 'a setting, as the control page lists them; again for another' },
  clock: { takes: 'TIME', says: 'when the clock begins, at every start; 2026-11-22 or 2026-11-22T10:00:00Z' },
  stopped: { takes: null, says: 'the clock stands still until it is moved' },
  key: {
    takes: 'sk_sandbox_…',
    says: 'a good API key; again for another. Without it any sk_sandbox_ key is',
  },
  help: { takes: null, says: 'shows this' },
} as const satisfies Record<string, { takes: string | null; says: string }>);
type OptionName = keyof typeof optionTable;
const optionNames = Object.keys(optionTable) as OptionName[];

export const help = `A pretend Dojo: the payments API, the payment page and signed webhooks. No money moves.

  npm run simulator -- [options]

${optionNames
  .map((name) => {
    const { takes, says } = optionTable[name];
    return `  ${`--${name} ${takes ?? ''}`.padEnd(24)}${says}`;
  })
  .join('\n')}

Its control page is on /, its control interface under /simulator: settings, faults, clock, ledger, calls, deliveries.
`;

/** Reads command line and environment, and says everything that is wrong with either at once. */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ParsedOptions {
  const { given, faults: unknown } = readArguments(args);
  if (given.has('help')) return { kind: 'help' };
  const faults = [...findFaults(env), ...unknown];
  /** The last value of an option, parsed; a null from the parser is a fault. */
  const read = <Value>(name: OptionName, parse: (text: string) => Value | null, mustBe: string) => {
    const text = given.get(name)?.at(-1);
    const value = text === undefined ? undefined : parse(text);
    if (value === null) faults.push(`--${name} must be ${mustBe}.`);
    return value ?? undefined;
  };

  const settings = readSettings(given.get('set') ?? [], faults);
  const apiKeys = given.get('key');
  if (apiKeys?.some(isLiveKey))
    faults.push('--key is a live key (sk_prod_): never give it to the simulator.');
  else if (apiKeys?.some((key) => !/^sk_sandbox_\S+$/.test(key)))
    faults.push('--key must begin with sk_sandbox_, and have no spaces.');
  const port = read('port', readPort, 'a port number, 0 to 65535');
  const host = read('host', (text) => text || null, 'an address of this machine');
  const publicUrl = read('public-url', readPublicUrl, 'an address like http://localhost:4000');
  const stateFile = read('state', (text) => text || null, 'the name of a file');
  const seed = read('seed', readSeed, 'a whole number, 0 to 4294967295');
  const startAt = read(
    'clock',
    readTime,
    'a time like 2026-11-22T10:00:00Z or 2026-11-22, from 1970 to 8999',
  );
  if (faults.length > 0) return { kind: 'faults', faults };
  return {
    kind: 'run',
    options: {
      port: port ?? readPort(env.SIMULATOR_PORT || '4000') ?? 4000,
      host: host ?? '127.0.0.1',
      ...(publicUrl !== undefined && { publicUrl }),
      ...(stateFile !== undefined && { stateFile }),
      ...(seed !== undefined && { seed }),
      ...(given.has('set') && { settings }),
      ...(startAt !== undefined && { startAt }),
      ...(given.has('stopped') && { isClockStopped: true as const }),
      ...(apiKeys !== undefined && { apiKeys }),
    },
  };
}

/** Every value of every option, and what is no option; `parseArgs` alone would stop at the first fault. */
function readArguments(args: readonly string[]): {
  given: ReadonlyMap<OptionName, string[]>;
  faults: string[];
} {
  const given = new Map<OptionName, string[]>();
  const faults: string[] = [];
  const options = Object.fromEntries(
    optionNames.map((name) => [
      name,
      { type: optionTable[name].takes === null ? 'boolean' : 'string' } as const,
    ]),
  );
  for (const token of parseArgs({ args: [...args], options, strict: false, tokens: true }).tokens) {
    if (token.kind === 'positional')
      faults.push(
        `${printable(token.value)} is no option: all begin with --. Behind npm they come after a --: npm run simulator -- --port 4000.`,
      );
    if (token.kind !== 'option') continue;
    const name = optionNames.find((known) => known === token.name && token.rawName === `--${known}`);
    if (name === undefined) {
      const all = optionNames.map((known) => `--${known}`).join(', ');
      faults.push(`${printable(token.rawName)} is no option: there are ${all}.`);
    } else if (optionTable[name].takes === null) {
      if (token.value !== undefined) faults.push(`--${name} takes no value.`);
      given.set(name, []);
    } else if (token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))) {
      faults.push(`--${name} needs a value: --${name} ${optionTable[name].takes}.`);
    } else given.set(name, [...(given.get(name) ?? []), token.value]);
  }
  return { given, faults };
}

function readSettings(pairs: readonly string[], faults: string[]): Partial<Settings> {
  const entries = pairs.flatMap((pair) => {
    const [typedName = '', choice = ''] = pair.split(/=(.*)/s);
    const name = settingNames.find((known) => known === typedName);
    const choices: readonly string[] = name === undefined ? [] : settingTable[name].choices;
    if (name !== undefined && choices.includes(choice)) return [[name, choice] as const];
    faults.push(
      name === undefined
        ? `--set ${printable(typedName)}: there is no such setting; there are ${settingNames.join(', ')}.`
        : `--set ${name}=CHOICE: the choice must be one of ${choices.join(', ')}.`,
    );
    return [];
  });
  return Object.fromEntries(entries) as { [Name in SettingName]?: Settings[Name] };
}

function readPublicUrl(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url !== null && !url.username && !url.password && !url.search && !url.hash;
  return isPlain && /^https?:$/.test(url.protocol) ? text : null;
}

function readSeed(text: string): number | null {
  return /^\d{1,10}$/.test(text) && Number(text) <= 0xffff_ffff ? Number(text) : null;
}

function readTime(text: string): Date | null {
  const time = parseInstant(text);
  return time !== null && time >= clockRange.earliest && time <= clockRange.latest ? time : null;
}

/** A key that was typed in the wrong place is not to be repeated, nor what a terminal would obey. */
function printable(text: string): string {
  return text.includes('sk_') ? 'A key' : text.slice(0, 60).replace(/[\p{Cc}\p{Cs}]/gu, '?');
}
