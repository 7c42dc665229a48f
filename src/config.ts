import { isIP } from 'node:net';
import proxyaddr from 'proxy-addr';
import { z } from 'zod';
import { type CaptureMode, captureModes } from './dojo/schemas.ts';
import { createWebhookSecret, type WebhookSecret } from './dojo/webhook.ts';
import {
  clean,
  commaSeparated,
  describeValue,
  flag,
  origin,
  originOf,
  wholeNumber,
} from './setting-value.ts';

/** What the shop reads from its environment, frozen at every depth. `docs/configuration.md` explains each variable. */
export type Config = {
  readonly isProduction: boolean;
  /** True if no real money can move: a sandbox key, or an API other than Dojo's. */
  readonly isTestShop: boolean;
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** The shop's own origin, to which Dojo sends the browser back. */
    readonly publicUrl: string;
    /** True if `PUBLIC_URL` is set: the shop then answers to no other host. */
    readonly hasPublicUrl: boolean;
    /** As Express takes its setting `trust proxy`. */
    readonly trustProxy: number | string[] | false;
    /** Checkouts a minute from one address. */
    readonly checkoutRate: number;
    readonly sessionSecret?: string | undefined;
    /** Where weaknesses are reported; null: the shop names no one. */
    readonly securityContact: string | null;
  };
  readonly dojo: DojoAccess & {
    /** Of the background work; calls that someone waits for are not counted. */
    readonly callsPerSecond: number;
    /** True for the key in Dojo's documentation, whose account anyone can read. */
    readonly isKeyPublic: boolean;
    /** The only origin that a payment link may have. */
    readonly checkoutOrigin: string;
    readonly webhookSecrets: readonly WebhookSecret[];
    /** Webhooks of any other account are quarantined; null accepts every account. */
    readonly accountId: string | null;
  };
  readonly payment: {
    readonly methods: readonly string[];
    readonly captureMode: CaptureMode;
    readonly expiryMinutes: number;
  };
  readonly database: { readonly url: string };
  /** Unset: the sample that comes with the shop. */
  readonly catalogueFile?: string | undefined;
  /** How long personal data of orders is kept after their last change; null for ever. */
  readonly personalDataDays: number | null;
  /** The merchant's own system, notified of orders to send; null for none. */
  readonly fulfilment: { readonly url: string; readonly secret: string } | null;
  /** Signs that system's requests to ship; null refuses them all. */
  readonly shipSecret: string | null;
  readonly log: { readonly level: Variables['LOG_LEVEL'] };
};

/** What a call to Dojo needs. */
type DojoAccess = {
  readonly apiKey: string;
  readonly apiUrl: string;
  readonly apiVersion: string;
  readonly timeoutMs: number;
  readonly connections: number;
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** Every problem of the environment at once, one a line, each naming the variable and the fix. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

const liveApiUrl = 'https://api.dojo.tech';
/** The sandbox key printed in Dojo's documentation begins like this. */
const publicSandboxKey = 'sk_sandbox_c8oLGaI__';
/** Earlier versions can corrupt a database in WAL mode after a log reset (sqlite.org/wal.html). */
const oldestSqlite = '3.51.3';

const keyProblem = 'must begin with sk_sandbox_ or sk_prod_; copy it from the developer portal';
const secretsProblem =
  'must be the values of secrets as Dojo shows them, not their ids, separated by commas; get them with: npm run shop -- webhooks subscribe https://…/webhooks/dojo';
const accountProblem =
  'must be the id of your account, which begins with acc_; unset, every account is accepted';
const databaseProblem = 'must be sqlite:PATH, sqlite::memory: or postgres://user:password@host/database';
const sessionProblem = 'must have 32 characters or more; make one with: openssl rand -hex 32';
const contactProblem =
  'must be an address such as mailto:security@shop.example or https://shop.example/security';
const fulfilmentProblem = 'must be the http:// or https:// address of your own system';

/** As standardwebhooks.com has it. */
const standardSecret = z
  .string()
  .regex(
    /^whsec_[A-Za-z0-9+/]{32,}={0,2}$/,
    'must be whsec_ and Base64; make one with: echo whsec_$(openssl rand -base64 32)',
  );

const environmentSchema = z.object({
  NODE_ENV: z
    .enum(['development', 'test', 'production'], 'must be development, test or production')
    .default('development'),
  HOST: z
    .string()
    .refine(isListenAddress, 'must be an address such as 127.0.0.1 or ::, or a name')
    .default('127.0.0.1'),
  PORT: wholeNumber(1, 65_535).default(3000),
  PUBLIC_URL: origin('must be an origin such as https://shop.example, without a path').optional(),
  DOJO_API_KEY: clean('token', keyProblem, 'is missing; copy it from the developer portal').regex(
    /^sk_(sandbox|prod)_[\x21-\x7e]+$/,
    keyProblem,
  ),
  DOJO_API_URL: origin(`must be an origin such as ${liveApiUrl}`).default(liveApiUrl),
  DOJO_API_VERSION: z.iso.date('must be a date such as 2026-02-27').default('2026-02-27'),
  DOJO_CHECKOUT_ORIGIN: origin('must be an origin such as https://pay.dojo.tech').default(
    'https://pay.dojo.tech',
  ),
  DOJO_WEBHOOK_SECRETS: clean('list', secretsProblem)
    .default('')
    .transform(commaSeparated)
    .refine((secrets) => secrets.length <= 3, 'must be three secrets at most; keep those in use')
    // Dojo says nothing of what its secrets look like, except that one in its examples begins with ws_.
    .refine((secrets) => !secrets.some((secret) => /^(sc|sk|acc)_/.test(secret)), secretsProblem),
  DOJO_ACCOUNT_ID: clean('token', accountProblem)
    .regex(/^acc_[\w-]+$/, accountProblem)
    .optional(),
  DOJO_ALLOW_SANDBOX: flag().default(false),
  DOJO_TIMEOUT_MS: wholeNumber(100, 9_000).default(4_500),
  DOJO_CONNECTIONS: wholeNumber(1, 1_000).default(64),
  DOJO_CALLS_PER_SECOND: wholeNumber(1, 100).default(2),
  DATABASE_URL: clean('text', databaseProblem)
    .refine((text) => !text.startsWith('sqlite://'), { error: tooManySlashes, abort: true })
    .refine((text) => /^sqlite:\S/.test(text) || parsePostgresUrl(text) !== null, databaseProblem)
    .default('sqlite:data/orders.db'),
  CATALOGUE_FILE: clean('text', 'must be the path of a file').optional(),
  SECURITY_CONTACT: clean('token', contactProblem)
    .regex(/^(mailto:[^\s@]+@[^\s@]+|https:\/\/[^\s/]+(\/\S*)?)$/, contactProblem)
    .optional(),
  SESSION_SECRET: clean('text', sessionProblem).min(32, sessionProblem).optional(),
  FULFILMENT_URL: clean('token', fulfilmentProblem)
    .refine((text) => /^https?:\/\//i.test(text) && URL.canParse(text), fulfilmentProblem)
    .optional(),
  FULFILMENT_SECRET: standardSecret.optional(),
  SHIP_SECRET: standardSecret.optional(),
  PAYMENT_METHODS: z
    .string()
    .default('Card')
    .transform(commaSeparated)
    .refine(
      (methods) => methods.length > 0 && methods.every((method) => /^\w+$/.test(method)),
      'must name a payment method, such as Card or Card,Wallet',
    ),
  CAPTURE_MODE: z.enum(captureModes, 'must be Auto or Manual').default('Auto'),
  PAYMENT_EXPIRY_MINUTES: wholeNumber(5, 43_200).default(60),
  PERSONAL_DATA_DAYS: wholeNumber(90, 36_500).optional(),
  CHECKOUT_RATE: wholeNumber(1, 1_000_000).default(60),
  LOG_LEVEL: z
    .enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'must be fatal, error, warn, info, debug, trace or silent',
    )
    .default('info'),
  TRUST_PROXY: z.string().default('').transform(parseTrustProxy),
});
type Variables = z.output<typeof environmentSchema>;

/** The name of every variable that the shop reads. */
export const variables: readonly string[] = Object.keys(environmentSchema.shape);

const dojoAccessSchema = environmentSchema.pick({
  DOJO_API_KEY: true,
  DOJO_API_URL: true,
  DOJO_API_VERSION: true,
  DOJO_TIMEOUT_MS: true,
  DOJO_CONNECTIONS: true,
});

/** Reads the environment; an empty variable counts as unset. Throws `ConfigError`, which holds every problem at once. */
export function parseConfig(env: Environment, runtime: Runtime = thisRuntime): Config {
  const given = givenOnly(env);
  const parsed = environmentSchema.safeParse(given);
  const problems = parsed.success ? [] : problemsOf(parsed.error, given);
  if (given.FULFILMENT_URL !== undefined && given.FULFILMENT_SECRET === undefined) {
    problems.push('FULFILMENT_SECRET: is missing; make one with: echo whsec_$(openssl rand -base64 32)');
  }
  if (given.SHIP_SECRET !== undefined && given.SHIP_SECRET === given.FULFILMENT_SECRET) {
    problems.push('SHIP_SECRET: must differ from FULFILMENT_SECRET; make another one');
  }
  if (isLive(given)) problems.push(...productionProblems(given, runtime));
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return freeze(toConfig(parsed.data));
}

type Runtime = { readonly sqliteVersion: string };
const thisRuntime: Runtime = { sqliteVersion: process.versions.sqlite ?? '0' };

function toConfig(read: Variables): Config {
  const { FULFILMENT_URL: url, FULFILMENT_SECRET: secret } = read;
  return {
    isProduction: read.NODE_ENV === 'production',
    isTestShop: read.DOJO_API_KEY.startsWith('sk_sandbox_') || read.DOJO_API_URL !== liveApiUrl,
    http: {
      host: read.HOST,
      port: read.PORT,
      publicUrl: read.PUBLIC_URL ?? `http://localhost:${read.PORT}`,
      hasPublicUrl: read.PUBLIC_URL !== undefined,
      trustProxy: read.TRUST_PROXY,
      checkoutRate: read.CHECKOUT_RATE,
      sessionSecret: read.SESSION_SECRET,
      securityContact: read.SECURITY_CONTACT ?? null,
    },
    dojo: {
      ...toDojoAccess(read),
      callsPerSecond: read.DOJO_CALLS_PER_SECOND,
      isKeyPublic: read.DOJO_API_KEY.startsWith(publicSandboxKey),
      checkoutOrigin: read.DOJO_CHECKOUT_ORIGIN,
      webhookSecrets: read.DOJO_WEBHOOK_SECRETS.map(createWebhookSecret),
      accountId: read.DOJO_ACCOUNT_ID ?? null,
    },
    payment: {
      methods: read.PAYMENT_METHODS,
      captureMode: read.CAPTURE_MODE,
      expiryMinutes: read.PAYMENT_EXPIRY_MINUTES,
    },
    database: { url: read.DATABASE_URL },
    catalogueFile: read.CATALOGUE_FILE,
    personalDataDays: read.PERSONAL_DATA_DAYS ?? null,
    fulfilment: url === undefined || secret === undefined ? null : { url, secret },
    shipSecret: read.SHIP_SECRET ?? null,
    log: { level: read.LOG_LEVEL },
  };
}

/** For commands that call Dojo and need nothing else of a shop. Throws `ConfigError`. */
export function parseDojoAccess(env: Environment): DojoAccess {
  return toDojoAccess(parseSome(dojoAccessSchema, env));
}

const homeSchema = environmentSchema.pick({ PUBLIC_URL: true, NODE_ENV: true });

/** Where the shop is to be reached, for commands that need nothing else of it. Throws `ConfigError`. */
export function parseHome(env: Environment): { publicUrl: string | null; isLive: boolean } {
  const { PUBLIC_URL } = parseSome(homeSchema, env);
  return { publicUrl: PUBLIC_URL ?? null, isLive: isLive(env) };
}

function parseSome<T>(schema: z.ZodType<T>, env: Environment): T {
  const given = givenOnly(env);
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigError(problemsOf(parsed.error, given));
}

function toDojoAccess(read: z.output<typeof dojoAccessSchema>): DojoAccess {
  return {
    apiKey: read.DOJO_API_KEY,
    apiUrl: read.DOJO_API_URL,
    apiVersion: read.DOJO_API_VERSION,
    timeoutMs: read.DOJO_TIMEOUT_MS,
    connections: read.DOJO_CONNECTIONS,
  };
}

function givenOnly(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
}

/** A live key moves money whatever the environment is called. */
function isLive(env: Environment): boolean {
  return env.NODE_ENV === 'production' || env.DOJO_API_KEY?.startsWith('sk_prod_') === true;
}

/** What was expected, and in brackets what was found. */
function problemsOf(error: z.ZodError, given: Environment): string[] {
  return error.issues.map(({ code, message, path: [variable] }) => {
    const name = String(variable);
    const text = given[name];
    if (text === undefined) return `${name}: ${message}`;
    const found = code === 'too_small' ? `has ${text.length} characters` : describeValue(name, text);
    return `${name}: ${message} (it ${found})`;
  });
}

/** What people leave in place of a secret. */
const placeholder = /change.?me|placeholder|example|your[-_ ]|^secret|(.)\1{7}/i;

/** Settings that would lose money or orders in production. */
function productionProblems(env: Environment, runtime: Runtime): string[] {
  const key = env.DOJO_API_KEY ?? '';
  const secrets = commaSeparated(env.DOJO_WEBHOOK_SECRETS ?? '');
  // Null if it is no origin, which is reported already.
  const apiUrl = originOf(env.DOJO_API_URL ?? liveApiUrl);
  const isSqlite = (env.DATABASE_URL ?? 'sqlite:').startsWith('sqlite:');
  const rules: readonly (readonly [boolean, string])[] = [
    [
      key.startsWith('sk_prod_') && apiUrl !== null && apiUrl !== liveApiUrl,
      `DOJO_API_URL: a live key may be sent to ${liveApiUrl} only; unset DOJO_API_URL`,
    ],
    [
      key.startsWith('sk_sandbox_') && env.DOJO_ALLOW_SANDBOX !== 'true',
      'DOJO_API_KEY: is a sandbox key, which takes no money; use the live key, or set DOJO_ALLOW_SANDBOX=true',
    ],
    [
      key.startsWith(publicSandboxKey),
      "DOJO_API_KEY: is the public key from Dojo's documentation, which anyone can use; use your own",
    ],
    [
      secrets.length === 0 || secrets.some((secret) => secret.length < 16 || placeholder.test(secret)),
      'DOJO_WEBHOOK_SECRETS: is missing, too short or a placeholder; get one with: npm run shop -- webhooks subscribe https://…/webhooks/dojo',
    ],
    [
      env.PUBLIC_URL === undefined || /^http:/i.test(env.PUBLIC_URL),
      'PUBLIC_URL: must be the https:// origin that shoppers see',
    ],
    [
      env.SESSION_SECRET === undefined || placeholder.test(env.SESSION_SECRET),
      'SESSION_SECRET: is missing or a placeholder; make one with: openssl rand -hex 32',
    ],
    [
      /^http:/i.test(env.DOJO_CHECKOUT_ORIGIN ?? ''),
      "DOJO_CHECKOUT_ORIGIN: must be https://; unset it to use Dojo's own",
    ],
    [
      // SQLite reads file: addresses too, and has more than one name for its memory.
      /:memory:|mode=memory/i.test(env.DATABASE_URL ?? ''),
      'DATABASE_URL: an in-memory database loses every order; name a file, such as sqlite:data/orders.db',
    ],
    [
      isSqlite && isOlder(runtime.sqliteVersion, oldestSqlite),
      `DATABASE_URL: this Node includes SQLite ${runtime.sqliteVersion}, which can corrupt the file; use a Node that includes ${oldestSqlite} or newer`,
    ],
    [
      travelsOpenly(env.DATABASE_URL ?? ''),
      'DATABASE_URL: others could read and change orders on their way to the server; add ?sslmode=verify-full',
    ],
    [
      isOpenWeb(env.FULFILMENT_URL ?? ''),
      'FULFILMENT_URL: must be https://, unless it is on this machine: others could read what is sent there',
    ],
    [
      env.NODE_TLS_REJECT_UNAUTHORIZED === '0',
      'NODE_TLS_REJECT_UNAUTHORIZED: 0 lets anyone pose as Dojo; unset it',
    ],
  ];
  return rules.filter(([isProblem]) => isProblem).map(([, problem]) => problem);
}

function parsePostgresUrl(text: string): URL | null {
  return /^postgres(ql)?:\/\//.test(text) ? URL.parse(text) : null;
}

/** Web addresses of other machines without encryption. */
function isOpenWeb(address: string): boolean {
  const url = URL.parse(address);
  return url?.protocol === 'http:' && !loopback.test(url.hostname);
}

/** Hosts of this machine; a folder is that of a PostgreSQL server's socket. */
const loopback = /^(localhost|127\.[\d.]+|\[?::1\]?|\/.*)$/;

/** True if the connection to a PostgreSQL server leaves this machine and its certificate is not verified. */
function travelsOpenly(databaseUrl: string): boolean {
  const url = parsePostgresUrl(databaseUrl);
  if (url === null) return false;
  // pg takes the host from either place, and accepts several modes.
  const hosts = [url.hostname, ...url.searchParams.getAll('host')].filter(Boolean);
  const isLocal = hosts.every((host) => loopback.test(host));
  const modes = url.searchParams.getAll('sslmode');
  return !isLocal && (modes.length === 0 || modes.some((mode) => mode !== 'verify-full'));
}

/** A number of hops, or addresses and networks; empty trusts no proxy. */
function parseTrustProxy(text: string, context: z.RefinementCtx): number | string[] | false {
  if (text === '') return false;
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  const proxies = commaSeparated(text);
  // proxy-addr also reads a bare number as an address.
  if (proxies.every((proxy) => /^[a-z]|[.:]/.test(proxy)) && isTrustable(proxies)) return proxies;
  context.addIssue({
    code: 'custom',
    message: 'must be a number of proxies, or their addresses: 1, or loopback, or 10.0.0.0/8,fd00::/8',
  });
  return z.NEVER;
}

/** As `listen` takes it: without brackets and port. */
function isListenAddress(text: string): boolean {
  return isIP(text) !== 0 || /^\w([\w.-]*\w)?$/.test(text);
}

/** SQLite reads //data/orders.db as /data/orders.db. */
function tooManySlashes({ input }: { readonly input: unknown }): string {
  const path = String(input).replace(/^sqlite:\/+/, '') || 'orders.db';
  return `must be written sqlite:${path} for a file below the folder where the shop starts, or sqlite:/${path}`;
}

function isTrustable(proxies: string[]): boolean {
  try {
    proxyaddr.compile(proxies);
    return proxies.length > 0;
  } catch {
    return false;
  }
}

function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) < 0;
}

/** Freezes plain objects and lists; keys and other instances stay as they are. */
function freeze<Value extends object>(value: Value): Value {
  for (const member of Object.values(value)) {
    if (Array.isArray(member) || member?.constructor === Object) freeze(member);
  }
  return Object.freeze(value);
}
