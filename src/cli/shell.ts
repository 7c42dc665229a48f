import { type Command, Option } from 'commander';
import { type Environment, parseConfig, parseDojoAccess, parseHome } from '../config.ts';
import { type Context, openContext } from '../context.ts';
import { createDojoClient, type DojoClient } from '../dojo/client.ts';
import { createLogger } from '../log.ts';

/** What a command prints on stdout: text for a person, data for a script. */
export type Answer = {
  readonly text: string;
  readonly data: unknown;
  /** 0 if missing. */
  readonly exitCode?: number;
};

export type PrintOptions = { readonly json?: boolean };

/** Flag and help text of `PrintOptions`, for commander. */
export const jsonOption = ['--json', 'print JSON'] as const;

/**
 * A required option. commander's own check comes first and would answer `--ammount 3` with "--amount is
 * missing" instead of naming the typo.
 */
export function requireOption<T>(
  command: Command,
  [flags, description]: readonly [flags: string, description: string],
  parse?: (text: string, previous: T) => T,
): Command {
  const option = new Option(flags, `${description} (required)`);
  if (parse !== undefined) option.argParser(parse);
  return command.addOption(option).hook('preAction', () => {
    if (command.getOptionValue(option.attributeName()) === undefined)
      command.error(`error: required option '${flags}' not specified`);
  });
}

export type Home = ReturnType<typeof parseHome>;

/** Opens what a command needs, prints its answer, and closes everything again. */
export type Shell = {
  /** Beside a running shop: both write to the same store, one transaction after another. */
  withShop(options: PrintOptions, work: (context: Context) => Promise<Answer>): Promise<void>;
  /** Needs the API key and nothing else of the shop. */
  withDojo(options: PrintOptions, work: (dojo: DojoClient) => Promise<Answer>): Promise<void>;
  /** Where the shop is to be reached. */
  home(): Home;
  /** For a command that opens the store itself. */
  withDatabaseUrl(options: PrintOptions, work: (databaseUrl: string) => Promise<Answer>): Promise<void>;
};

export function createShell(env: Environment): Shell {
  // Whoever reads the answer may have read enough: `orders list | head`.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe);
  return {
    async withShop(options, work) {
      const { context, close } = await openContext(
        parseConfig(env),
        createLogger({ level: 'warn' }, { write: writeLogLine }),
        { store: { mustExist: true } },
      );
      print(options, await work(context).finally(close));
    },

    async withDojo(options, work) {
      const dojo = createDojoClient(parseDojoAccess(env));
      print(options, await work(dojo).finally(dojo.close));
    },

    home: () => parseHome(env),

    async withDatabaseUrl(options, work) {
      print(options, await work(parseConfig(env).database.url));
    },
  };
}

function print({ json = false }: PrintOptions, { text, data, exitCode = 0 }: Answer): void {
  process.exitCode = exitCode;
  process.stdout.write(json ? `${JSON.stringify(data, null, 2)}\n` : text);
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

/** Warnings go to stderr in words: stdout belongs to the answer. */
function writeLogLine(line: string): void {
  const { msg, orderReference, err }: { msg?: string; orderReference?: string; err?: { message: string } } =
    JSON.parse(line);
  process.stderr.write(`${[orderReference, msg, err?.message].filter(Boolean).join(': ')}\n`);
}
