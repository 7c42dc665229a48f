import { config as readDotenv } from 'dotenv';
import { ConfigError, parseDojoAccess } from '../config.ts';
import { createDojoClient } from '../dojo/client.ts';
import { DojoError } from '../dojo/errors.ts';
import { CommandError } from './command-error.ts';
import { listWebhooks, subscribeWebhooks } from './webhooks.ts';

const usage = `Commands for the merchant:

  npm run shop -- webhooks subscribe <https address>   have Dojo send its webhooks to this address
      --move                                           take them away from another address
  npm run shop -- webhooks list                        show the account's subscriptions
`;

const webhookCommands: Readonly<Record<string, typeof subscribeWebhooks>> = {
  subscribe: subscribeWebhooks,
  list: listWebhooks,
};

await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  readDotenv({ quiet: true });
  const [resource, verb, ...rest] = args;
  const command =
    resource === 'webhooks' && Object.hasOwn(webhookCommands, verb ?? '')
      ? webhookCommands[verb ?? '']
      : undefined;
  if (command === undefined) return finish(64, usage);
  try {
    const access = parseDojoAccess(process.env);
    const dojo = createDojoClient({
      apiUrl: access.DOJO_API_URL,
      apiKey: access.DOJO_API_KEY,
      apiVersion: access.DOJO_API_VERSION,
      timeoutMs: access.DOJO_TIMEOUT_MS,
      connections: access.DOJO_CONNECTIONS,
    });
    try {
      process.stdout.write(await command(dojo, rest));
    } finally {
      await dojo.close();
    }
  } catch (error) {
    if (error instanceof ConfigError) return finish(78, `${error.message}\n`);
    if (error instanceof DojoError || error instanceof CommandError) return finish(1, `${error.message}\n`);
    throw error;
  }
}

function finish(exitCode: number, message: string): void {
  process.stderr.write(message);
  process.exitCode = exitCode;
}
