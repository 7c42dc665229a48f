import { config as readDotenv } from 'dotenv';
import { createShop, type Shop } from './create-shop.ts';
import { closeServer, createHttpServer, listen } from './http/server.ts';
import { logEvent } from './log.ts';

/** sysexits.h: the configuration is wrong, so starting again will not help. */
const exitConfig = 78;
/** The log may take two more seconds to be written, and a process manager waits for ten. */
const finishWithinMs = 8_000;

try {
  await main();
} catch (error) {
  if (!(error instanceof Error)) throw error;
  if (error.name === 'ConfigError') exit(exitConfig, error.message);
  // A process manager may start it again: the database cannot be reached at the moment.
  if (error.name === 'StoreError') exit(1, `DATABASE_URL: ${error.message}`);
  throw error;
}

async function main(): Promise<void> {
  readDotenv({ quiet: true });
  const shop = await createShop(process.env);
  const { config, log } = shop.context;
  const server = await serve(shop);
  logEvent(log, 'shopOpened', { url: config.http.publicUrl, testShop: config.isTestShop });
  // For a parent that waits until the shop serves: a process manager, or the demo.
  process.send?.('ready');

  const signal = await new Promise<string>((resolve) => {
    // Not `once`: on Ctrl-C a second SIGINT comes from npm, and without a listener it would cut the closing short.
    process.on('SIGTERM', resolve);
    process.on('SIGINT', resolve);
  });
  logEvent(log, 'shopClosing', { signal });
  await shop.close(closeServer(server, finishWithinMs));
  logEvent(log, 'shopClosed');
}

async function serve({ app, context }: Shop): ReturnType<typeof listen> {
  const { host, port } = context.config.http;
  try {
    return await listen(createHttpServer(app), { host, port });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'is in use; stop what uses it, or choose another PORT' : message;
    exit(1, `PORT: ${host}:${port} ${why}`);
  }
}

/** Writes to standard error, where people look before there is a log. */
function exit(code: number, message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}
