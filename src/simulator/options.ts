import { parseArgs } from 'node:util';
import { findEnvironmentErrors, isLiveKey, readPort } from './environment.ts';
import { type SettingName, type Settings, settingNames, settingTable } from './settings.ts';
import { clockRange } from './state/clock.ts';
import { parseInstant } from './state/instant.ts';

export type ParsedOptions =
  | { kind: 'run'; options: RunOptions }
  | { kind: 'help' }
  /** One line an error: the option or variable, and the fix. */
  | { kind: 'errors'; errors: readonly string[] };

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

/** `takes` is null for a flag. */
const optionTable = Object.freeze({
  port: {
    takes: 'NUMBER',
    help: 'listen on this port (default: SIMULATOR_PORT, or 4000); 0 picks a free one',
  },
  host: { takes: 'ADDRESS', help: 'listen on this address (default: 127.0.0.1)' },
  'public-url': {
    takes: 'URL',
    help: 'where shoppers reach the payment page (default: http://localhost:PORT)',
  },
  state: { takes: 'FILE', help: 'keep all state in this file; without it, everything is lost at exit' },
  seed: { takes: 'NUMBER', help: 'seed for the chances of faults, to repeat a run (default: 1)' },
  set: { takes: 'NAME=CHOICE', help: 'change a setting listed on the control page; repeatable' },
  clock: { takes: 'TIME', help: 'start the clock at 2026-11-22 or 2026-11-22T10:00:00Z, on every start' },
  stopped: { takes: null, help: 'stop the clock until it is moved' },
  key: { takes: 'sk_sandbox_…', help: 'accept only this API key; repeatable (default: any sk_sandbox_ key)' },
  help: { takes: null, help: 'show this help' },
} as const satisfies Record<string, { takes: string | null; help: string }>);
type OptionName = keyof typeof optionTable;
const optionNames = Object.keys(optionTable) as OptionName[];

export const help = `A pretend Dojo: the payments API, the payment page and signed webhooks. No money moves.

  dojo-simulator [options]            in the shop's checkout: npm run simulator -- [options]

${optionNames
  .map((name) => `  ${`--${name} ${optionTable[name].takes ?? ''}`.padEnd(24)}${optionTable[name].help}`)
  .join('\n')}

The control page is at /, the control interface below /simulator: settings, faults, clock, ledger, calls, deliveries.
`;

/** Parses command line and environment, and reports every error in either at once. */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ParsedOptions {
  const { given, errors: argumentErrors } = readArguments(args);
  if (given.has('help')) return { kind: 'help' };
  const errors = [...findEnvironmentErrors(env), ...argumentErrors];
  /** The last value of an option. The parser returns null for a wrong value. */
  const read = <Value>(name: OptionName, parse: (text: string) => Value | null, mustBe: string) => {
    const text = given.get(name)?.at(-1);
    const value = text === undefined ? undefined : parse(text);
    if (value === null) errors.push(`--${name} must be ${mustBe}.`);
    return value ?? undefined;
  };

  const settings = readSettings(given.get('set') ?? [], errors);
  const apiKeys = given.get('key');
  if (apiKeys?.some(isLiveKey))
    errors.push('--key is a live key (sk_prod_): never give it to the simulator.');
  else if (apiKeys?.some((key) => !/^sk_sandbox_\S+$/.test(key)))
    errors.push('--key must begin with sk_sandbox_ and have no spaces.');
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
  if (errors.length > 0) return { kind: 'errors', errors };
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

/** All values of all options. Strict `parseArgs`, like commander, would stop at the first error. */
function readArguments(args: readonly string[]): {
  given: ReadonlyMap<OptionName, string[]>;
  errors: string[];
} {
  const given = new Map<OptionName, string[]>();
  const errors: string[] = [];
  const options = Object.fromEntries(
    optionNames.map((name) => [
      name,
      { type: optionTable[name].takes === null ? 'boolean' : 'string' } as const,
    ]),
  );
  for (const token of parseArgs({ args: [...args], options, strict: false, tokens: true }).tokens) {
    if (token.kind === 'positional')
      errors.push(
        `${printable(token.value)} is not an option: options begin with --. With npm, put -- before them: npm run simulator -- --port 4000.`,
      );
    if (token.kind !== 'option') continue;
    const name = optionNames.find((known) => known === token.name && token.rawName === `--${known}`);
    if (name === undefined) {
      const all = optionNames.map((known) => `--${known}`).join(', ');
      errors.push(`${printable(token.rawName)} is not an option. Options: ${all}.`);
    } else if (optionTable[name].takes === null) {
      if (token.value !== undefined) errors.push(`--${name} takes no value.`);
      given.set(name, []);
    } else if (token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))) {
      errors.push(`--${name} needs a value: --${name} ${optionTable[name].takes}.`);
    } else given.set(name, [...(given.get(name) ?? []), token.value]);
  }
  return { given, errors };
}

function readSettings(pairs: readonly string[], errors: string[]): Partial<Settings> {
  const entries = pairs.flatMap((pair) => {
    const [typedName = '', choice = ''] = pair.split(/=(.*)/s);
    const name = settingNames.find((known) => known === typedName);
    const choices: readonly string[] = name === undefined ? [] : settingTable[name].choices;
    if (name !== undefined && choices.includes(choice)) return [[name, choice] as const];
    errors.push(
      name === undefined
        ? `--set ${printable(typedName)}: no such setting. Settings: ${settingNames.join(', ')}.`
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

/** Never repeats a key typed in the wrong place, nor characters that a terminal would obey. */
function printable(text: string): string {
  return text.includes('sk_') ? 'A key' : text.slice(0, 60).replace(/[\p{Cc}\p{Cs}]/gu, '?');
}
