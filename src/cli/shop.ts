import { config as readDotenv } from 'dotenv';
import { ConfigError, parseConfig, parseDojoAccess } from '../config.ts';
import type { Context } from '../context.ts';
import { openContext } from '../context.ts';
import { createDojoClient, type DojoClient } from '../dojo/client.ts';
import { DojoError } from '../dojo/errors.ts';
import { createLogger } from '../log.ts';
import { StoreError } from '../store/order-store.ts';
import { CommandError } from './command-error.ts';
import { orderCommands, replay, sweep } from './orders.ts';
import { copyStore, pruneStore } from './store.ts';
import { listWebhooks, subscribeWebhooks } from './webhooks.ts';

const usage = `Commands for the merchant:

  npm run shop -- webhooks subscribe <https address>   have Dojo send its webhooks to this address
      --move                                           take them away from another address
  npm run shop -- webhooks list                        show the account's subscriptions

  npm run shop -- orders show <reference>              what is known of an order
  npm run shop -- orders cancel <reference>            cancel it while it is unpaid
  npm run shop -- orders capture <reference>           take what CAPTURE_MODE=Manual has reserved
  npm run shop -- orders undo <reference>              release, reverse or refund all of it, as Dojo allows
  npm run shop -- orders refund <reference>            give a part back
      --amount 12.50 --reason "A chip in the glaze"
  npm run shop -- sweep                                ask Dojo about every order that is due for it
  npm run shop -- replay --check                       derive every order again from what was heard, and compare

  npm run shop -- store copy --to postgres://…         copy everything from the SQLite file to a PostgreSQL server
  npm run shop -- store prune --older-than 90d         drop raw webhooks of orders that are finished for so long
`;

const withDojo: Readonly<Record<string, (dojo: DojoClient, args: readonly string[]) => Promise<string>>> = {
  'webhooks subscribe': subscribeWebhooks,
  'webhooks list': listWebhooks,
};
const withShop: Readonly<Record<string, (context: Context, args: readonly string[]) => Promise<string>>> = {
  ...Object.fromEntries(Object.entries(orderCommands).map(([verb, command]) => [`orders ${verb}`, command])),
  sweep,
  replay,
  'store prune': pruneStore,
};
/** Opens the store by itself, since it must not change it. */
const copyName = 'store copy';

await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  readDotenv({ quiet: true });
  const name = [args.slice(0, 2).join(' '), args[0] ?? ''].find(
    (words) => words === copyName || Object.hasOwn(withDojo, words) || Object.hasOwn(withShop, words),
  );
  if (name === undefined) return finish(64, usage);
  const rest = args.slice(name.split(' ').length);
  try {
    process.stdout.write(await run(name, rest));
  } catch (error) {
    if (error instanceof ConfigError) return finish(78, `${error.message}\n`);
    const isExpected = [DojoError, CommandError, StoreError].some((kind) => error instanceof kind);
    if (isExpected && error instanceof Error) return finish(1, `${error.message}\n`);
    throw error;
  }
}

function run(name: string, args: readonly string[]): Promise<string> {
  if (name === copyName) {
    const { database } = parseConfig(process.env);
    return copyStore(database.url, args, (line) =>
      process.stderr.write(process.stderr.isTTY ? `\r${line} ` : `${line}\n`),
    );
  }
  return Object.hasOwn(withDojo, name) ? runWithDojo(name, args) : runWithShop(name, args);
}

async function runWithDojo(name: string, args: readonly string[]): Promise<string> {
  const dojo = createDojoClient(parseDojoAccess(process.env));
  try {
    return (await withDojo[name]?.(dojo, args)) ?? '';
  } finally {
    await dojo.close();
  }
}

/** Beside a running shop: both write to the same store, one transaction after another. */
async function runWithShop(name: string, args: readonly string[]): Promise<string> {
  const config = parseConfig(process.env);
  const { context, close } = await openContext(
    config,
    createLogger({ level: 'warn', pretty: process.stderr.isTTY }),
  );
  try {
    return (await withShop[name]?.(context, args)) ?? '';
  } finally {
    await close();
  }
}

function finish(exitCode: number, message: string): void {
  process.stderr.write(message);
  process.exitCode = exitCode;
}
