import { Command } from 'commander';
import { config as readDotenv } from 'dotenv';
import { describeError } from './command-error.ts';
import { addMessageCommands } from './messages.ts';
import { addOrderCommands } from './orders.ts';
import { createShell, type Shell } from './shell.ts';
import { addStoreCommands } from './store.ts';
import { addWebhookCommands } from './webhooks.ts';

readDotenv({ quiet: true });
await main(process.argv, createShell(process.env));

async function main(argv: readonly string[], shell: Shell): Promise<void> {
  try {
    await createProgram(shell).parseAsync(argv);
  } catch (error) {
    const failure = describeError(error);
    if (failure === null) throw error;
    if (failure.message !== '') process.stderr.write(`${failure.message}\n`);
    process.exitCode = failure.exitCode;
  }
}

function createProgram(shell: Shell): Command {
  const program = new Command('npm run shop --')
    .description('Commands for the merchant.')
    .helpCommand(false)
    .exitOverride()
    // commander puts its suggestion on a second line, and quotes what was typed as it is.
    .configureOutput({ outputError: (text, write) => write(`${text.trim().replace(/\s+/g, ' ')}\n`) })
    .addHelpText(
      'after',
      `
Add --help to a command for its options. In scripts, run npm run --silent shop -- … --json.

Exit codes:
  0   done
  1   refused, or an unknown order; stderr says why
  64  the command line is wrong
  69  Dojo or the database is unavailable
  78  the configuration is wrong`,
    );
  addOrderCommands(program, shell);
  addMessageCommands(program, shell);
  addStoreCommands(program, shell);
  addWebhookCommands(program, shell);
  return program;
}
