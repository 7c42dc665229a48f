import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { captureModes } from './dojo/schemas.ts';
import { createWebhookSecret } from './dojo/webhook.ts';

/** What the shop is told by its environment; `.env.example` says what each variable is for. */
export type Config = z.output<typeof environmentSchema> & {
  readonly isProduction: boolean;
  readonly publicUrl: string;
  /** True where `PUBLIC_URL` was given, so that no other host is answered. */
  readonly hasPublicUrl: boolean;
  /** True where no real money can move: a sandbox key, or an API that is not Dojo's. */
  readonly isTestShop: boolean;
};

/** Every fault of the environment at once, one a line, each naming the variable and the mend. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.faults = faults;
  }
}

const liveApiUrl = 'https://api.dojo.tech';
/** The sandbox key that everybody finds in Dojo's documentation begins like this. */
const publicSandboxKey = 'sk_sandbox_c8oLGaI__';
/** Older ones can corrupt a database in WAL mode after a reset of the log (sqlite.org/wal.html). */
const oldestSqlite = '3.51.3';

const origin = (fault: string) =>
  z.string().transform((text, context) => {
    const url = URL.parse(text);
    if (url !== null && /^https?:$/.test(url.protocol) && text.replace(/\/$/, '') === url.origin)
      return url.origin;
    context.addIssue({ code: 'custom', message: fault });
    return z.NEVER;
  });

const wholeNumber = (from: number, to: number) => {
  const fault = `must be a whole number from ${from} to ${to}`;
  return z
    .string()
    .regex(/^\d+$/, fault)
    .transform(Number)
    .refine((number) => number >= from && number <= to, fault);
};

const environmentSchema = z.object({
  NODE_ENV: z
    .enum(['development', 'test', 'production'], 'must be development, test or production')
    .default('development'),
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(1, 65_535).default(3000),
  PUBLIC_URL: origin('must be an origin such as https://shop.example, without a path').optional(),
  DOJO_API_KEY: z
    .string('is missing; copy it from the developer portal')
    .regex(
      /^sk_(sandbox|prod)_[\x21-\x7e]+$/,
      'must begin with sk_sandbox_ or sk_prod_; copy it from the developer portal',
    ),
  DOJO_API_URL: origin(`must be an origin such as ${liveApiUrl}`).default(liveApiUrl),
  DOJO_API_VERSION: z.iso.date('must be a date such as 2026-02-27').default('2026-02-27'),
  DOJO_CHECKOUT_ORIGIN: origin('must be an origin such as https://pay.dojo.tech').default(
    'https://pay.dojo.tech',
  ),
  DOJO_WEBHOOK_SECRETS: z
    .string()
    .default('')
    .transform(commaSeparated)
    .refine((secrets) => secrets.length <= 3, 'holds more than three secrets; keep those that are live'),
  DOJO_ACCOUNT_ID: z.string().optional(),
  DOJO_ALLOW_SANDBOX: flag().default(false),
  DOJO_TIMEOUT_MS: wholeNumber(100, 9_000).default(4_500),
  DOJO_CONNECTIONS: wholeNumber(1, 1_000).default(64),
  DATABASE_URL: z
    .string()
    .refine(
      (text) => /^sqlite:.+$/.test(text) || parsePostgresUrl(text) !== null,
      'must be sqlite:PATH, sqlite::memory: or postgres://user:password@host/database',
    )
    .default('sqlite:data/orders.db'),
  /** Unset: the sample that comes with the shop. */
  CATALOGUE_FILE: z.string().optional(),
  SESSION_SECRET: z
    .string()
    .min(32, 'must have 32 characters or more; make one with: openssl rand -hex 32')
    .optional(),
  FULFILMENT_URL: z
    .url({ protocol: /^https?$/, error: 'must be the https:// address of your own system' })
    .optional(),
  FULFILMENT_SECRET: z
    .string()
    .regex(
      /^whsec_[A-Za-z0-9+/]{32,}={0,2}$/,
      'must be whsec_ and Base64; make one with: echo whsec_$(openssl rand -base64 32)',
    )
    .optional(),
  PAYMENT_METHODS: z
    .string()
    .default('Card')
    .transform(commaSeparated)
    .refine((methods) => methods.length > 0, 'must name a payment method, such as Card or Card,Wallet'),
  CAPTURE_MODE: z.enum(captureModes, 'must be Auto or Manual').default('Auto'),
  PAYMENT_EXPIRY_MINUTES: wholeNumber(5, 43_200).default(60),
  CHECKOUT_RATE: wholeNumber(1, 1_000_000).default(600),
  LOG_LEVEL: z
    .enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'must be fatal, error, warn, info, debug, trace or silent',
    )
    .default('info'),
  TRUST_PROXY: z.string().default('').transform(parseTrustProxy),
});

const dojoAccessSchema = environmentSchema.pick({
  DOJO_API_KEY: true,
  DOJO_API_URL: true,
  DOJO_API_VERSION: true,
  DOJO_TIMEOUT_MS: true,
  DOJO_CONNECTIONS: true,
});

/**
 * Reads the environment. An empty variable counts as one that is not set.
 * Throws `ConfigError` with every fault at once.
 */
export function parseConfig(env: Environment, runtime: { readonly sqliteVersion: string }): Config {
  const given = givenOnly(env);
  const parsed = environmentSchema.safeParse(given);
  const faults = parsed.success ? [] : faultsOf(parsed.error);
  // The rules for production are told together with the rest, as far as single variables can be read at all.
  if (given.FULFILMENT_URL !== undefined && given.FULFILMENT_SECRET === undefined) {
    faults.push('FULFILMENT_SECRET: is missing; make one with: echo whsec_$(openssl rand -base64 32)');
  }
  // A live key moves money whatever the environment is called.
  const isLive = given.NODE_ENV === 'production' || given.DOJO_API_KEY?.startsWith('sk_prod_') === true;
  if (isLive) faults.push(...productionFaults(given, runtime));
  if (faults.length > 0 || !parsed.success) throw new ConfigError(faults);

  const config = parsed.data;
  return Object.freeze({
    ...config,
    isProduction: config.NODE_ENV === 'production',
    publicUrl: config.PUBLIC_URL ?? `http://localhost:${config.PORT}`,
    hasPublicUrl: config.PUBLIC_URL !== undefined,
    isTestShop: config.DOJO_API_KEY.startsWith('sk_sandbox_') || config.DOJO_API_URL !== liveApiUrl,
  });
}

type Environment = Readonly<Record<string, string | undefined>>;

function givenOnly(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
}

function faultsOf(error: z.ZodError): string[] {
  return error.issues.map((issue) => `${String(issue.path[0])}: ${issue.message}`);
}

/** What people leave in place of a secret. */
const placeholder = /change.?me|placeholder|example|your[-_ ]|^secret|(.)\1{7}/i;

/** What would lose money or orders in production, each with its mend. */
function productionFaults(env: Environment, runtime: { readonly sqliteVersion: string }): string[] {
  const key = env.DOJO_API_KEY ?? '';
  const secrets = commaSeparated(env.DOJO_WEBHOOK_SECRETS ?? '');
  const apiUrl = env.DOJO_API_URL ?? liveApiUrl;
  const isSqlite = (env.DATABASE_URL ?? 'sqlite:').startsWith('sqlite:');
  const rules: readonly (readonly [boolean, string])[] = [
    [
      key.startsWith('sk_prod_') && apiUrl.replace(/\/$/, '') !== liveApiUrl,
      `DOJO_API_URL: a live key goes to ${liveApiUrl} only; unset DOJO_API_URL`,
    ],
    [
      key.startsWith('sk_sandbox_') && env.DOJO_ALLOW_SANDBOX !== 'true',
      'DOJO_API_KEY: is a sandbox key, which takes no money; use the live key, or set DOJO_ALLOW_SANDBOX=true',
    ],
    [
      key.startsWith(publicSandboxKey),
      "DOJO_API_KEY: is the public key of Dojo's documentation, which anybody can read along with; use your own",
    ],
    [
      secrets.length === 0 || secrets.some((secret) => secret.length < 16 || placeholder.test(secret)),
      'DOJO_WEBHOOK_SECRETS: is missing, too short or a placeholder; get one with: npm run shop -- webhooks subscribe https://…/webhooks/dojo',
    ],
    [
      (env.PUBLIC_URL ?? 'http://').startsWith('http://'),
      'PUBLIC_URL: must be the https:// origin that shoppers see',
    ],
    [
      env.SESSION_SECRET === undefined || placeholder.test(env.SESSION_SECRET),
      'SESSION_SECRET: is missing or a placeholder; make one with: openssl rand -hex 32',
    ],
    [
      !(env.DOJO_CHECKOUT_ORIGIN ?? 'https://').startsWith('https://'),
      "DOJO_CHECKOUT_ORIGIN: must be https://; unset it for Dojo's own",
    ],
    [
      // SQLite reads file: addresses too, and has more than one name for its memory.
      /:memory:|mode=memory/i.test(env.DATABASE_URL ?? ''),
      'DATABASE_URL: a database in memory forgets every order; name a file, such as sqlite:data/orders.db',
    ],
    [
      isSqlite && isOlder(runtime.sqliteVersion, oldestSqlite),
      `DATABASE_URL: this Node brings SQLite ${runtime.sqliteVersion}, which may corrupt the file; use a Node with ${oldestSqlite} or newer`,
    ],
    [
      travelsOpenly(env.DATABASE_URL ?? ''),
      'DATABASE_URL: orders would travel where others can read and change them; add ?sslmode=verify-full',
    ],
    [
      env.NODE_TLS_REJECT_UNAUTHORIZED === '0',
      'NODE_TLS_REJECT_UNAUTHORIZED: 0 lets anybody pose as Dojo; unset it',
    ],
  ];
  return rules.filter(([isFault]) => isFault).map(([, fault]) => fault);
}

function parsePostgresUrl(text: string): URL | null {
  return /^postgres(ql)?:\/\//.test(text) ? URL.parse(text) : null;
}

/** True where the way to a PostgreSQL server leaves this machine without a certificate that is checked. */
function travelsOpenly(databaseUrl: string): boolean {
  const url = parsePostgresUrl(databaseUrl);
  if (url === null) return false;
  // As the library reads it, which takes the host of either place, and more than one mode.
  const hosts = [url.hostname, ...url.searchParams.getAll('host')].filter(Boolean);
  const isLocal = hosts.every((host) => /^(localhost|127\.[\d.]+|\[?::1\]?|\/.*)$/.test(host));
  const modes = url.searchParams.getAll('sslmode');
  return !isLocal && (modes.length === 0 || modes.some((mode) => mode !== 'verify-full'));
}

/** What it takes to call Dojo, for commands that need nothing else of a shop. Throws `ConfigError`. */
export function parseDojoAccess(env: Environment): z.output<typeof dojoAccessSchema> {
  const parsed = dojoAccessSchema.safeParse(givenOnly(env));
  if (parsed.success) return parsed.data;
  throw new ConfigError(faultsOf(parsed.error));
}

/** The secrets of a configuration as keys, in its order. */
export function webhookSecrets(config: Config): ReturnType<typeof createWebhookSecret>[] {
  return config.DOJO_WEBHOOK_SECRETS.map(createWebhookSecret);
}

function commaSeparated(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}

function flag() {
  return z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true');
}

const namedNetworks = ['loopback', 'linklocal', 'uniquelocal'];

/** A number of hops, or addresses and networks, as Express reads them; empty trusts nobody. */
function parseTrustProxy(text: string, context: z.RefinementCtx): number | string[] | false {
  if (text === '') return false;
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  const proxies = text.split(',').map((proxy) => proxy.trim());
  if (proxies.every((proxy) => namedNetworks.includes(proxy) || isNetwork(proxy))) return proxies;
  context.addIssue({
    code: 'custom',
    message: 'must be a number of proxies, or their addresses: 1, or loopback, or 10.0.0.0/8,fd00::/8',
  });
  return z.NEVER;
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  if (bits === undefined) return true;
  try {
    new BlockList().addSubnet(address, Number(bits), version === 4 ? 'ipv4' : 'ipv6');
    return /^\d+$/.test(bits);
  } catch {
    return false;
  }
}

function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) < 0;
}
