import { request } from 'node:http';
import { durabilityFile } from './audit.ts';
import { checkoutOrigin, host, secrets } from './names.ts';
import { type ServerProcess, startServer } from './processes.ts';

export type ShopOptions = {
  readonly folder: string;
  readonly databaseUrl: string;
  readonly dojoUrl?: string;
  readonly dojoTimeoutMs?: number;
  readonly execArgv?: readonly string[];
  readonly isBare?: boolean;
  /** False removes the wait for the disk, to show what it costs. */
  readonly isDurable?: boolean;
};

/** `src/main.ts` with all that production has, its log in a file of the folder. */
export async function startShop(options: ShopOptions): Promise<ServerProcess> {
  return startServer({
    file: 'src/main.ts',
    folder: options.folder,
    ...(options.execArgv && { execArgv: options.execArgv }),
    ...(options.isBare && { isBare: true }),
    env: {
      // As `npm start` sets it.
      NODE_COMPILE_CACHE: 'data/compile-cache',
      PUBLIC_URL: `https://${host}`,
      DATABASE_URL: options.databaseUrl,
      // Nothing listens there.
      DOJO_API_URL: options.dojoUrl ?? 'http://127.0.0.1:9',
      DOJO_API_KEY: secrets.apiKey,
      DOJO_ALLOW_SANDBOX: 'true',
      DOJO_CHECKOUT_ORIGIN: checkoutOrigin,
      DOJO_WEBHOOK_SECRETS: secrets.dojo,
      // As the docs advise: as many as checkouts at once.
      DOJO_CONNECTIONS: '128',
      ...(options.dojoTimeoutMs && { DOJO_TIMEOUT_MS: String(options.dojoTimeoutMs) }),
      SESSION_SECRET: 'f3b1c5a79d2e4086b7c8d9e0a1f2b3c4d5e6f708',
      CHECKOUT_RATE: '1000000',
      BENCH_DURABILITY: durabilityFile(options.folder),
      ...(options.isDurable === false && { BENCH_SYNCHRONOUS_OFF: 'true' }),
    },
  });
}

/** The cookie that a browser gets on its first visit. */
export function firstCookie(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path: '/', headers: { Host: host }, agent: false }, (response) => {
      response.resume();
      resolve(response.headers['set-cookie']?.[0]?.split(';')[0] ?? '');
    })
      .on('error', reject)
      .end();
  });
}
