import { readFileSync } from 'node:fs';
import { parse as parseDotenv } from 'dotenv';
import { describe, expect, test } from 'vitest';
import { type Config, ConfigError, parseConfig, parseDojoAccess, webhookSecrets } from '../src/config.ts';

type Env = Record<string, string | undefined>;

const sqliteVersion = '3.51.3';
const sandboxKey = 'sk_sandbox_of_the_tests';
const development: Env = { DOJO_API_KEY: sandboxKey };
const production: Env = {
  NODE_ENV: 'production',
  DOJO_API_KEY: 'sk_prod_Zm9yX3JlYWw',
  DOJO_WEBHOOK_SECRETS: 'bGl2ZV93ZWJob29rX3Rlc3Q',
  PUBLIC_URL: 'https://kettle.shop',
  SESSION_SECRET: 'f3a91c07d2be4586a0cf1e7d93b2845a',
  DATABASE_URL: 'sqlite:data/orders.db',
};

describe('a shop that is told its key and nothing else', () => {
  test('listens on this machine only, sells the sample, and is a test shop', () => {
    expect(read(development)).toEqual({
      NODE_ENV: 'development',
      HOST: '127.0.0.1',
      PORT: 3000,
      DOJO_API_KEY: sandboxKey,
      DOJO_API_URL: 'https://api.dojo.tech',
      DOJO_API_VERSION: '2026-02-27',
      DOJO_CHECKOUT_ORIGIN: 'https://pay.dojo.tech',
      DOJO_WEBHOOK_SECRETS: [],
      DOJO_ALLOW_SANDBOX: false,
      DOJO_TIMEOUT_MS: 4500,
      DOJO_CONNECTIONS: 64,
      DATABASE_URL: 'sqlite:data/orders.db',
      PAYMENT_METHODS: ['Card'],
      CAPTURE_MODE: 'Auto',
      PAYMENT_EXPIRY_MINUTES: 60,
      CHECKOUT_RATE: 600,
      LOG_LEVEL: 'info',
      TRUST_PROXY: false,
      isProduction: false,
      publicUrl: 'http://localhost:3000',
      hasPublicUrl: false,
      isTestShop: true,
    });
  });

  test('is told the same by empty variables, as an .env file has them', () => {
    const names = Object.keys(parseDotenv(readFileSync(envExample)));
    const empty = Object.fromEntries(names.map((name) => [name, '']));
    expect(read({ ...empty, ...development })).toEqual(read(development));
  });

  test('is told the same by the example file', () => {
    expect(read({ ...parseDotenv(readFileSync(envExample)), ...development })).toEqual(read(development));
  });
});

test('a shop for real money starts, and knows that it is one', () => {
  expect(read(production)).toMatchObject({
    isProduction: true,
    isTestShop: false,
    hasPublicUrl: true,
    publicUrl: 'https://kettle.shop',
  });
});

test('a production shop may rehearse on a sandbox key when it says so', () => {
  const rehearsal = { ...production, DOJO_API_KEY: sandboxKey, DOJO_ALLOW_SANDBOX: 'true' };
  expect(read(rehearsal)).toMatchObject({ isProduction: true, isTestShop: true });
});

test('a live key is held to the rules of production whatever the environment is called', () => {
  const live = { DOJO_API_KEY: 'sk_prod_x', DOJO_API_URL: 'http://localhost:4000/' };
  expect(() => read(live)).toThrow(/^DOJO_API_URL: a live key goes to/m);
});

test('the shop’s address follows its port until it is given', () => {
  expect(read({ ...development, PORT: '8080' }).publicUrl).toBe('http://localhost:8080');
  expect(read({ ...development, PUBLIC_URL: 'https://kettle.shop/' }).publicUrl).toBe('https://kettle.shop');
});

test('lists are separated by commas, with or without spaces', () => {
  const config = read({
    ...development,
    DOJO_WEBHOOK_SECRETS: ' one, two ,three,',
    PAYMENT_METHODS: 'Card, Wallet',
  });
  expect(config.DOJO_WEBHOOK_SECRETS).toEqual(['one', 'two', 'three']);
  expect(webhookSecrets(config).map(({ key }) => key.export().toString())).toEqual(['one', 'two', 'three']);
  expect(config.PAYMENT_METHODS).toEqual(['Card', 'Wallet']);
});

test.each([
  ['', false],
  ['1', 1],
  ['2', 2],
  ['loopback', ['loopback']],
  ['10.0.0.0/8, fd00::/8', ['10.0.0.0/8', 'fd00::/8']],
  ['192.0.2.7', ['192.0.2.7']],
])('the proxies "%s" are read as Express takes them', (TRUST_PROXY, expected) => {
  expect(read({ ...development, TRUST_PROXY }).TRUST_PROXY).toEqual(expected);
});

const faults: [string, string[]][] = [
  ['NODE_ENV', ['prod', 'Production', 'staging']],
  ['PORT', ['0', '65536', '-1', '3e3', '0x10', '80.5', ' 80', 'http', '99999999999999999999']],
  [
    'PUBLIC_URL',
    ['kettle.shop', 'https://kettle.shop/shop', 'https://a@kettle.shop', 'ftp://kettle.shop', 'https://'],
  ],
  ['DOJO_API_KEY', ['', 'key', 'sk_live_x', 'sk_test_x', 'sk_sandbox_', 'sk_sandbox_a b', 'Basic sk_prod_x']],
  ['DOJO_API_URL', ['api.dojo.tech', 'https://api.dojo.tech/v1', 'file:///etc/passwd', 'javascript:1']],
  ['DOJO_API_VERSION', ['latest', '2026', '2026-02-30', '27-02-2026']],
  ['DOJO_CHECKOUT_ORIGIN', ['pay.dojo.tech', 'https://pay.dojo.tech/checkout', 'javascript:alert(1)']],
  ['DOJO_WEBHOOK_SECRETS', ['one,two,three,four']],
  ['DOJO_ALLOW_SANDBOX', ['yes', '1', 'TRUE']],
  ['DOJO_TIMEOUT_MS', ['0', '99', '9001', '4.5', '5s']],
  ['DOJO_CONNECTIONS', ['0', '1001', 'many']],
  [
    'DATABASE_URL',
    ['orders.db', 'sqlite:', 'mysql://localhost/shop', 'postgres:', 'postgres://shop:p@ss:word@'],
  ],
  ['SESSION_SECRET', ['short', 'x'.repeat(31)]],
  ['PAYMENT_METHODS', [',', ' , ']],
  ['CAPTURE_MODE', ['auto', 'Later']],
  ['PAYMENT_EXPIRY_MINUTES', ['4', '43201', '60m']],
  ['CHECKOUT_RATE', ['0', '1000001', '-5']],
  ['LOG_LEVEL', ['verbose', 'INFO']],
  [
    'TRUST_PROXY',
    ['true', '0', '-1', '100', 'localhost', '10.0.0.0/33', '10.0.0.0/', '1.2.3', '10.0.0.0/8;x'],
  ],
];

describe.each(faults)('%s', (name, values) => {
  test.each(values)('cannot be "%s", and one line says what it must be', (value) => {
    const [fault = '', ...more] = faultsOf({ ...development, [name]: value });
    expect(more).toEqual([]);
    expect(fault).toMatch(new RegExp(`^${name}: (must|is missing; copy|holds more)`));
    expect(fault).not.toContain('\n');
  });
});

test('every fault is told at once', () => {
  const env = Object.fromEntries(faults.map(([name, [value]]) => [name, value]));
  const told = faultsOf(env).map((fault) => fault.split(':')[0]);
  expect(told.toSorted()).toEqual(faults.map(([name]) => name).toSorted());
});

test('the rules of production are told together with the faults of other variables', () => {
  const told = faultsOf({
    ...production,
    PORT: 'x',
    PUBLIC_URL: 'http://kettle.shop',
    SESSION_SECRET: undefined,
  });
  expect(told.map((fault) => fault.split(':')[0])).toEqual(['PORT', 'PUBLIC_URL', 'SESSION_SECRET']);
});

describe('production refuses to start', () => {
  const rows: [string, string, Env, RegExp][] = [
    [
      'with a live key for another API',
      'DOJO_API_URL',
      { DOJO_API_URL: 'https://api.evil.example' },
      /unset/,
    ],
    ['without a webhook secret', 'DOJO_WEBHOOK_SECRETS', { DOJO_WEBHOOK_SECRETS: undefined }, /npm run shop/],
    ['with an empty webhook secret', 'DOJO_WEBHOOK_SECRETS', { DOJO_WEBHOOK_SECRETS: ' , ' }, /npm run shop/],
    [
      'with a webhook secret of 15',
      'DOJO_WEBHOOK_SECRETS',
      { DOJO_WEBHOOK_SECRETS: 'bGl2ZV93ZWJob29' },
      /npm run shop/,
    ],
    [
      'with one good webhook secret and a short one',
      'DOJO_WEBHOOK_SECRETS',
      { DOJO_WEBHOOK_SECRETS: 'bGl2ZV93ZWJob29rX3Rlc3Q,short' },
      /npm run shop/,
    ],
    ...[
      'changeme-changeme',
      'your-webhook-secret',
      'placeholder-placeholder',
      'xxxxxxxxxxxxxxxxxxxx',
      'secret-secret-secret',
    ].map((DOJO_WEBHOOK_SECRETS): [string, string, Env, RegExp] => [
      `with the placeholder ${DOJO_WEBHOOK_SECRETS}`,
      'DOJO_WEBHOOK_SECRETS',
      { DOJO_WEBHOOK_SECRETS },
      /npm run shop/,
    ]),
    ['with a sandbox key', 'DOJO_API_KEY', { DOJO_API_KEY: sandboxKey }, /live key/],
    [
      'with a sandbox key and a no to sandboxes',
      'DOJO_API_KEY',
      { DOJO_API_KEY: sandboxKey, DOJO_ALLOW_SANDBOX: 'false' },
      /live key/,
    ],
    [
      'with the key that everybody can read in Dojo’s docs',
      'DOJO_API_KEY',
      {
        DOJO_API_KEY:
          'sk_sandbox_c8oLGaI__msxsXbpBDpdtwJEz_eIhfQoKHmedqgZPCdBx59zpKZLSk8OPLT0cZolbeuYJSBvzDVVsYvtpo5RkQ',
        DOJO_ALLOW_SANDBOX: 'true',
      },
      /your own/,
    ],
    ['at an http address', 'PUBLIC_URL', { PUBLIC_URL: 'http://kettle.shop' }, /https/],
    ['without an address', 'PUBLIC_URL', { PUBLIC_URL: undefined }, /https/],
    ['with orders in memory', 'DATABASE_URL', { DATABASE_URL: 'sqlite::memory:' }, /name a file/],
    [
      'with orders in memory by another name',
      'DATABASE_URL',
      { DATABASE_URL: 'sqlite:file::memory:?cache=shared' },
      /name a file/,
    ],
    [
      'with a shared memory for orders',
      'DATABASE_URL',
      { DATABASE_URL: 'sqlite:file:orders?mode=memory' },
      /name a file/,
    ],
    ...[
      'postgres://shop:x@db.internal/shop',
      'postgres://shop:x@db.internal/shop?sslmode=disable',
      'postgres://shop:x@db.internal/shop?sslmode=require',
      'postgres://shop:x@db.internal/shop?sslmode=no-verify',
      'postgres://shop:x@db.internal/shop?sslmode=verify-full&sslmode=disable',
      'postgresql://shop:x@localhost/shop?host=db.internal',
      'postgres://shop:x@127.evil.example/shop',
    ].map((url): (typeof rows)[number] => [
      `with orders that travel openly to ${url}`,
      'DATABASE_URL',
      { DATABASE_URL: url },
      /sslmode=verify-full$/,
    ]),
    [
      'with certificates unchecked',
      'NODE_TLS_REJECT_UNAUTHORIZED',
      { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
      /unset/,
    ],
    ['without a session secret', 'SESSION_SECRET', { SESSION_SECRET: undefined }, /openssl/],
    ['with an empty session secret', 'SESSION_SECRET', { SESSION_SECRET: '' }, /openssl/],
  ];
  test.each(rows)('%s, naming %s and a mend', (_name, variable, members, mend) => {
    const [fault = '', ...more] = faultsOf({ ...production, ...members });
    expect(more).toEqual([]);
    expect(fault.startsWith(`${variable}: `), fault).toBe(true);
    expect(fault).toMatch(mend);
    expect(fault).not.toContain('\n');
  });

  test.each(['3.51.2', '3.50.4', '3.9.9', '3.51', '0'])('on SQLite %s', (version) => {
    expect(faultsOf(production, version)).toEqual([
      expect.stringMatching(/^DATABASE_URL: .*3\.51\.3 or newer$/),
    ]);
  });

  test.each([
    'postgres://shop:x@db.internal/shop?sslmode=verify-full',
    'postgresql://shop:x@db.internal:6432/shop?sslrootcert=/etc/ca.pem&sslmode=verify-full',
    'postgres://shop:x@localhost/shop',
    'postgres://shop:x@127.0.0.1:5433/shop',
    'postgres://shop:x@[::1]/shop',
    'postgres:///shop?host=/run/postgresql',
  ])('but not with orders at %s, whatever SQLite there is', (url) => {
    const config = parseConfig({ ...production, DATABASE_URL: url }, { sqliteVersion: '3.40.0' });
    expect(config.DATABASE_URL).toBe(url);
  });

  test.each(['3.51.3', '3.51.10', '3.53.0', '4.0.0'])('but not on SQLite %s', (version) => {
    expect(parseConfig(production, { sqliteVersion: version }).isProduction).toBe(true);
  });

  test('and none of this is asked of a development shop', () => {
    const members = {
      DOJO_API_URL: 'http://localhost:4000',
      DATABASE_URL: 'sqlite::memory:',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    };
    expect(parseConfig({ ...development, ...members }, { sqliteVersion: '3.40.0' }).isProduction).toBe(false);
  });
});

test('no fault tells a secret', () => {
  const env = {
    NODE_ENV: 'production',
    DOJO_API_KEY: 'hush_api_key',
    DOJO_WEBHOOK_SECRETS: 'hush,hush_b,hush_c,hush_d',
    SESSION_SECRET: 'hush_session',
    PUBLIC_URL: 'https://user:hush@kettle.shop',
    DATABASE_URL: 'postgres://user:hush@db/shop',
    DOJO_API_URL: 'https://user:hush@api.dojo.tech',
  };
  const told = faultsOf(env);
  expect(told.length).toBeGreaterThanOrEqual(6);
  expect(told.join('\n')).not.toContain('hush');
});

describe('a command that only calls Dojo', () => {
  test('needs a key and nothing else, in production too', () => {
    expect(parseDojoAccess({ NODE_ENV: 'production', DOJO_API_KEY: sandboxKey, PORT: 'x' })).toMatchObject({
      DOJO_API_KEY: sandboxKey,
      DOJO_API_URL: 'https://api.dojo.tech',
      DOJO_API_VERSION: '2026-02-27',
    });
  });

  test('says what is wrong with it', () => {
    expect(() => parseDojoAccess({ DOJO_API_URL: 'x' })).toThrow(
      /^DOJO_API_KEY: is missing.*\nDOJO_API_URL: must/,
    );
  });
});

const envExample = new URL('../.env.example', import.meta.url);

describe('the example file', () => {
  const lines = readFileSync(envExample, 'utf8').split('\n');
  const named = lines.flatMap((line) => /^([A-Z][A-Z0-9_]*)=/.exec(line)?.[1] ?? []);

  test('names exactly the variables that the shop reads, each once', () => {
    const source = readFileSync(new URL('../src/config.ts', import.meta.url), 'utf8');
    const schema = source.slice(
      source.indexOf('const environmentSchema'),
      source.indexOf('const dojoAccessSchema'),
    );
    const read = new Set([
      ...[...schema.matchAll(/^\s+([A-Z][A-Z0-9_]+): /gm)].map((match) => match[1]),
      ...[...source.matchAll(/\benv\.([A-Z][A-Z0-9_]+)/g)].map((match) => match[1]),
    ]);
    // Node's own, which the shop only refuses.
    read.delete('NODE_TLS_REJECT_UNAUTHORIZED');
    expect(named.toSorted()).toEqual([...read].toSorted());
  });

  test('says above each what it is for', () => {
    for (const name of named) {
      const at = lines.findIndex((line) => line.startsWith(`${name}=`));
      const block = lines.slice(lines.lastIndexOf('', at) + 1, at);
      expect(block[0], name).toMatch(/^# \S.{10,}/);
    }
  });

  test('holds no key and no secret', () => {
    const values = parseDotenv(readFileSync(envExample));
    for (const name of ['DOJO_API_KEY', 'DOJO_WEBHOOK_SECRETS', 'SESSION_SECRET'])
      expect(values[name]).toBe('');
  });
});

function read(env: Env): Config {
  return parseConfig(env, { sqliteVersion });
}

function faultsOf(env: Env, version = sqliteVersion): readonly string[] {
  try {
    parseConfig(env, { sqliteVersion: version });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).faults;
  }
  return [];
}
