import { readFileSync } from 'node:fs';
import { parse as parseDotenv } from 'dotenv';
import { describe, expect, test } from 'vitest';
import {
  type Config,
  ConfigError,
  type Environment,
  parseConfig,
  parseDojoAccess,
  variables,
} from '../src/config.ts';

const sqliteVersion = '3.51.3';
const sandboxKey = 'sk_sandbox_of_the_tests';
const development: Environment = { DOJO_API_KEY: sandboxKey };
const production: Environment = {
  NODE_ENV: 'production',
  DOJO_API_KEY: 'sk_prod_Zm9yX3JlYWw',
  DOJO_WEBHOOK_SECRETS: 'bGl2ZV93ZWJob29rX3Rlc3Q',
  PUBLIC_URL: 'https://kettle.shop',
  SESSION_SECRET: 'f3a91c07d2be4586a0cf1e7d93b2845a',
  DATABASE_URL: 'sqlite:data/orders.db',
};

const envExample = readFileSync(new URL('../.env.example', import.meta.url), 'utf8');
const examples = parseDotenv(envExample);

describe('a shop with a sandbox key and no other setting', () => {
  test('listens on this machine only, sells the sample, and is a test shop', () => {
    expect(read(development)).toEqual({
      isProduction: false,
      isTestShop: true,
      http: {
        host: '127.0.0.1',
        port: 3000,
        publicUrl: 'http://localhost:3000',
        hasPublicUrl: false,
        trustProxy: false,
        checkoutRate: 60,
        securityContact: null,
      },
      dojo: {
        apiKey: sandboxKey,
        apiUrl: 'https://api.dojo.tech',
        apiVersion: '2026-02-27',
        isKeyPublic: false,
        checkoutOrigin: 'https://pay.dojo.tech',
        webhookSecrets: [],
        accountId: null,
        timeoutMs: 4500,
        connections: 64,
        callsPerSecond: 2,
      },
      payment: { methods: ['Card'], captureMode: 'Auto', expiryMinutes: 60 },
      database: { url: 'sqlite:data/orders.db' },
      personalDataDays: null,
      fulfilment: null,
      shipSecret: null,
      log: { level: 'info' },
    });
  });

  test('treats empty variables, as an .env file has them, as unset', () => {
    const empty = Object.fromEntries(Object.keys(examples).map((name) => [name, '']));
    expect(read({ ...empty, ...development })).toEqual(read(development));
  });

  test('has the same configuration with the example file', () => {
    expect(read({ ...examples, ...development })).toEqual(read(development));
  });
});

test('a configuration cannot be changed, at any depth', () => {
  const config = read({ ...development, DOJO_WEBHOOK_SECRETS: 'one', TRUST_PROXY: 'loopback' });
  const parts: unknown[] = [config, config.http, config.http.trustProxy, config.dojo, config.payment];
  parts.push(config.dojo.webhookSecrets, config.dojo.webhookSecrets[0], config.payment.methods);
  parts.push(config.database, config.log);
  expect(parts.map((part) => Object.isFrozen(part))).toEqual(parts.map(() => true));
});

test('a shop with live settings starts, and takes real money', () => {
  expect(read(production)).toMatchObject({
    isProduction: true,
    isTestShop: false,
    http: { hasPublicUrl: true, publicUrl: 'https://kettle.shop' },
  });
});

test('a production shop may rehearse on a sandbox key if it is allowed to', () => {
  const rehearsal = { ...production, DOJO_API_KEY: sandboxKey, DOJO_ALLOW_SANDBOX: 'true' };
  expect(read(rehearsal)).toMatchObject({ isProduction: true, isTestShop: true });
});

test('the rules of production apply to a live key in every environment', () => {
  const live = { DOJO_API_KEY: 'sk_prod_x', DOJO_API_URL: 'http://localhost:4000/' };
  expect(() => read(live)).toThrow(/^DOJO_API_URL: a live key may/m);
});

test('the shop’s address follows its port until PUBLIC_URL is set', () => {
  expect(read({ ...development, PORT: '8080' }).http.publicUrl).toBe('http://localhost:8080');
  const named = read({ ...development, PUBLIC_URL: 'https://kettle.shop/' });
  expect(named.http.publicUrl).toBe('https://kettle.shop');
});

test('lists are separated by commas, with or without spaces', () => {
  const { dojo, payment } = read({
    ...development,
    DOJO_WEBHOOK_SECRETS: ' one, two ,three,',
    PAYMENT_METHODS: 'Card, Wallet',
  });
  expect(dojo.webhookSecrets.map(({ key }) => key.export().toString())).toEqual(['one', 'two', 'three']);
  expect(payment.methods).toEqual(['Card', 'Wallet']);
});

test('a fulfilment address comes with the secret that signs its messages', () => {
  const fulfilment = { url: 'https://depot.example/orders', secret: `whsec_${'A'.repeat(44)}` };
  const env = { ...development, FULFILMENT_URL: fulfilment.url, FULFILMENT_SECRET: fulfilment.secret };
  expect(read(env).fulfilment).toEqual(fulfilment);
});

test.each([
  ['', false],
  ['1', 1],
  ['2', 2],
  ['loopback', ['loopback']],
  ['10.0.0.0/8, fd00::/8', ['10.0.0.0/8', 'fd00::/8']],
  ['192.0.2.7', ['192.0.2.7']],
])('the proxies "%s" are read as Express takes them', (TRUST_PROXY, expected) => {
  expect(read({ ...development, TRUST_PROXY }).http.trustProxy).toEqual(expected);
});

const refused: [string, string[]][] = [
  ['NODE_ENV', ['prod', 'Production', 'staging']],
  ['HOST', ['http://localhost', '[::]', '0.0.0.0:80', '"localhost"', 'localhost # all', 'a b']],
  ['PORT', ['0', '65536', '-1', '3e3', '0x10', '80.5', ' 80', 'http', '99999999999999999999']],
  [
    'PUBLIC_URL',
    [
      'kettle.shop',
      'https://kettle.shop/shop',
      'https://kettle.shop?',
      'https://a@kettle.shop',
      'https:/kettle.shop',
      'https:\\\\kettle.shop',
      'https://kettle%2Eshop',
      ' https://kettle.shop',
      "'https://kettle.shop'",
      'ftp://kettle.shop',
      'https://',
    ],
  ],
  [
    'DOJO_API_KEY',
    [
      '',
      'key',
      'sk_live_x',
      'sk_test_x',
      'sk_sandbox_',
      'sk_sandbox_a b',
      'Basic sk_prod_x',
      '"sk_sandbox_x"',
      'sk_sandbox_x"',
      'sk_sandbox_x # mine',
      'sk_sandbox_x ',
      'sk_sandbox_x\r',
      'DOJO_API_KEY=sk_sandbox_x',
      'sc_x',
    ],
  ],
  ['DOJO_API_URL', ['api.dojo.tech', 'https://api.dojo.tech/v1', 'file:///etc/passwd', 'javascript:1']],
  ['DOJO_API_VERSION', ['latest', '2026', '2026-02-30', '27-02-2026']],
  ['DOJO_CHECKOUT_ORIGIN', ['pay.dojo.tech', 'https://pay.dojo.tech/checkout', 'javascript:alert(1)']],
  [
    'DOJO_WEBHOOK_SECRETS',
    [
      'one,two,three,four',
      '"one"',
      "'one,two'",
      'one,"two"',
      '“one”',
      '"one',
      'one two',
      'one # two',
      'one #two',
      '# one',
      'one\ttwo',
      'one\u200b',
      'sc_one',
      'one,sk_sandbox_two',
      'sk_prod_one',
      'acc_one',
      'DOJO_WEBHOOK_SECRETS=one two',
    ],
  ],
  [
    'DOJO_ACCOUNT_ID',
    ['"acc_x"', "'acc_x'", 'acc_x ', 'acc_x # mine', 'acc_x,acc_y', 'sk_sandbox_x', 'sc_x', 'Kettle'],
  ],
  ['DOJO_ALLOW_SANDBOX', ['yes', '1', 'TRUE']],
  ['DOJO_TIMEOUT_MS', ['0', '99', '9001', '4.5', '5s']],
  ['DOJO_CONNECTIONS', ['0', '1001', 'many']],
  ['DOJO_CALLS_PER_SECOND', ['0', '101', '1.5', 'many']],
  [
    'DATABASE_URL',
    [
      'orders.db',
      'sqlite:',
      'sqlite: data/orders.db',
      'sqlite://data/orders.db',
      'sqlite:///data/orders.db',
      '"sqlite:data/orders.db"',
      'sqlite:data/orders.db # the orders',
      'mysql://localhost/shop',
      'postgres:',
      'postgres://shop:p@ss:word@',
    ],
  ],
  ['CATALOGUE_FILE', ['"shop.json"', 'shop.json # ours', ' shop.json']],
  ['SESSION_SECRET', ['short', 'x'.repeat(31), `"${'x'.repeat(32)}"`, `${'x'.repeat(32)} # of the shop`]],
  ['SECURITY_CONTACT', ['security@shop.example', 'http://shop.example', 'mailto:', 'mailto:a@b # ours']],
  [
    'FULFILMENT_SECRET',
    ['whsec_short', 'A'.repeat(44), `whsec_${'-'.repeat(44)}`, `"whsec_${'A'.repeat(44)}"`],
  ],
  ['SHIP_SECRET', ['whsec_', 'A'.repeat(44), `whsec_${'A'.repeat(44)} # ours`]],
  ['PAYMENT_METHODS', [',', ' , ', '"Card"', 'Card;Wallet', 'Card # only']],
  ['CAPTURE_MODE', ['auto', 'Later']],
  ['PAYMENT_EXPIRY_MINUTES', ['4', '43201', '60m']],
  ['PERSONAL_DATA_DAYS', ['89', '36501', 'never']],
  ['CHECKOUT_RATE', ['0', '1000001', '-5']],
  ['LOG_LEVEL', ['verbose', 'INFO']],
  [
    'TRUST_PROXY',
    [
      'true',
      '"1"',
      '1 # nginx',
      '0',
      '-1',
      '100',
      '0x1',
      'localhost',
      '10.0.0.0/33',
      '10.0.0.0/',
      '1.2.3',
      '10.0.0.0/8;x',
      ',',
    ],
  ],
];

describe.each(refused)('%s', (name, values) => {
  test.each(values)('cannot be "%s", and one line says what it must be', (value) => {
    const [problem = '', ...more] = problemsOf({ ...development, [name]: value });
    expect(more).toEqual([]);
    expect(problem).toMatch(
      value === '' ? /^DOJO_API_KEY: is missing; copy/ : new RegExp(`^${name}: must .* \\(it .+\\)$`),
    );
    expect(problem).not.toContain('\n');
  });
});

describe('a refused value', () => {
  const found: readonly (readonly [string, string, string])[] = [
    ['DOJO_WEBHOOK_SECRETS', '"hush,two"', 'has quotes around it'],
    ['DOJO_WEBHOOK_SECRETS', 'hush,"two', 'has a quotation mark at one end'],
    ['DOJO_WEBHOOK_SECRETS', 'hush # two', 'has a comment in it'],
    ['DOJO_WEBHOOK_SECRETS', 'hush two', 'contains a space'],
    ['DOJO_WEBHOOK_SECRETS', 'hush\u200b', 'contains an invisible character'],
    ['DOJO_WEBHOOK_SECRETS', 'hush,sc_hush', 'begins with sc_'],
    ['DOJO_WEBHOOK_SECRETS', 'hush,b,c,d', 'has 4 parts'],
    ['DOJO_API_KEY', 'DOJO_API_KEY=sk_sandbox_hush', 'begins with its own name'],
    ['DOJO_API_KEY', 'Basic sk_sandbox_hush', 'begins with Basic or Bearer'],
    ['DOJO_API_KEY', 'sk_sandbox_hush\r', 'contains a control character'],
    ['DOJO_API_KEY', 'whsec_hush', 'begins with whsec_'],
    ['DOJO_ACCOUNT_ID', 'sk_prod_hush', 'begins with sk_prod_'],
    ['DOJO_ACCOUNT_ID', 'acc_hush ', 'begins or ends with a space'],
    ['SESSION_SECRET', 'hush hush', 'has 9 characters'],
    ['PUBLIC_URL', 'https://hush@kettle.shop', 'has a user name in it'],
    ['PUBLIC_URL', 'https://kettle.shop/hush', 'has a path'],
    ['PUBLIC_URL', 'kettle.shop', 'does not begin with https:// or http://'],
    ['PORT', 'http', 'is "http"'],
    ['PORT', '0123456789012', 'has 13 characters'],
    ['CAPTURE_MODE', 'auto', 'is "auto"'],
  ];

  test.each(found)('of %s is described: %j %s', (name, value, words) => {
    const [problem = ''] = problemsOf({ ...development, [name]: value });
    expect(problem).toMatch(/^[A-Z_]+: must /);
    expect(problem.endsWith(` (it ${words})`), problem).toBe(true);
    expect(problem).not.toContain('hush');
  });

  test('that names a file with too many slashes is given back in both right spellings', () => {
    expect(problemsOf({ ...development, DATABASE_URL: 'sqlite:///srv/shop.db' })).toEqual([
      expect.stringMatching(/must be written sqlite:srv\/shop\.db .*, or sqlite:\/srv\/shop\.db \(/),
    ]);
  });
});

describe('a value that may be right', () => {
  test.each([
    ['DOJO_WEBHOOK_SECRETS', 'clé-secrète'],
    ['DOJO_WEBHOOK_SECRETS', 'ws_c2VjcmV0'],
    ['DOJO_WEBHOOK_SECRETS', 'a#b;c/+="d"=='],
    ['DOJO_ACCOUNT_ID', 'acc_sandbox_a-B_9'],
    ['HOST', '::'],
    ['HOST', 'fe80::1%eth0'],
    ['HOST', 'my_shop-1.internal'],
    ['SESSION_SECRET', 'a pass phrase with spaces and a #1 in it'],
    ['SESSION_SECRET', '#"0123456789abcdef0123456789abcdef'],
    ['DATABASE_URL', 'sqlite:/srv/my shop/orders #2.db'],
    ['CATALOGUE_FILE', "/srv/the merchant's/shop.json"],
    ['PAYMENT_METHODS', 'Card,SavedCard'],
    ['FULFILMENT_URL', 'HTTP://depot:8080/orders?x=1'],
  ])('of %s is taken: %s', (name, value) => {
    const secret = { FULFILMENT_SECRET: `whsec_${'A'.repeat(44)}` };
    expect(problemsOf({ ...development, ...(name === 'FULFILMENT_URL' && secret), [name]: value })).toEqual(
      [],
    );
  });
});

test.each([
  ['HTTPS://Kettle.Shop', 'https://kettle.shop'],
  ['https://kettle.shop:443/', 'https://kettle.shop'],
  ['http://kettle.shop:80', 'http://kettle.shop'],
  ['https://kettle.shop:8443', 'https://kettle.shop:8443'],
  ['https://köttle.shop', 'https://xn--kttle-jua.shop'],
])('the address %s is read as %s, as browsers write it', (PUBLIC_URL, expected) => {
  expect(read({ ...development, PUBLIC_URL }).http.publicUrl).toBe(expected);
});

test('a live key goes to Dojo’s API however its address is written, and production is https however that is', () => {
  expect(read({ ...production, DOJO_API_URL: 'HTTPS://API.dojo.tech:443/' }).dojo.apiUrl).toBe(
    'https://api.dojo.tech',
  );
  const open = { PUBLIC_URL: 'HTTP://kettle.shop', DOJO_CHECKOUT_ORIGIN: 'HTTP://pay.dojo.tech' };
  expect(problemsOf({ ...production, ...open })).toEqual([
    expect.stringMatching(/^PUBLIC_URL: .*https/),
    expect.stringMatching(/^DOJO_CHECKOUT_ORIGIN: .*https/),
  ]);
});

const noSecret = { FULFILMENT_URL: 'https://depot.example/orders' };
const badAddress = { FULFILMENT_URL: 'ftp://depot.example', FULFILMENT_SECRET: `whsec_${'A'.repeat(44)}` };

describe('the address of the merchant’s own system', () => {
  test('needs a secret that signs messages', () => {
    expect(problemsOf({ ...development, ...noSecret })).toEqual([
      expect.stringMatching(/^FULFILMENT_SECRET: is missing; make one with: echo whsec_/),
    ]);
  });

  test('must be a web address', () => {
    expect(problemsOf({ ...development, ...badAddress })).toEqual([
      expect.stringMatching(/^FULFILMENT_URL: must/),
    ]);
  });
});

const secretOf = (letter: string) => `whsec_${letter.repeat(44)}`;
const oneSecret = {
  FULFILMENT_URL: 'https://depot.example/orders',
  FULFILMENT_SECRET: secretOf('A'),
  SHIP_SECRET: secretOf('A'),
};

describe('the secret of requests to ship', () => {
  test('is read, and not needed', () => {
    expect(read({ ...development, SHIP_SECRET: secretOf('A') }).shipSecret).toBe(secretOf('A'));
    expect(read(development).shipSecret).toBeNull();
  });

  test('is not the one that signs messages', () => {
    expect(problemsOf({ ...development, ...oneSecret })).toEqual([
      'SHIP_SECRET: must differ from FULFILMENT_SECRET; make another one',
    ]);
    expect(problemsOf({ ...development, ...oneSecret, SHIP_SECRET: secretOf('B') })).toEqual([]);
  });
});

test('every problem is reported at once', () => {
  const env = Object.fromEntries(refused.map(([name, [value]]) => [name, value]));
  const reported = problemsOf(env).map((problem) => problem.split(':')[0]);
  expect(reported.toSorted()).toEqual(refused.map(([name]) => name).toSorted());
});

test('problems of production are reported together with the others', () => {
  const problems = problemsOf({
    ...production,
    PORT: 'x',
    PUBLIC_URL: 'http://kettle.shop',
    SESSION_SECRET: undefined,
  });
  expect(problems.map((problem) => problem.split(':')[0])).toEqual(['PORT', 'PUBLIC_URL', 'SESSION_SECRET']);
});

const placeholders = [
  'changeme-changeme',
  'your-webhook-secret',
  'placeholder-placeholder',
  'xxxxxxxxxxxxxxxxxxxx',
  'secret-secret-secret',
];
const openUrls = [
  'postgres://shop:x@db.internal/shop',
  'postgres://shop:x@db.internal/shop?sslmode=disable',
  'postgres://shop:x@db.internal/shop?sslmode=require',
  'postgres://shop:x@db.internal/shop?sslmode=no-verify',
  'postgres://shop:x@db.internal/shop?sslmode=verify-full&sslmode=disable',
  'postgresql://shop:x@localhost/shop?host=db.internal',
  'postgres://shop:x@127.evil.example/shop',
];
const publicKey =
  'sk_sandbox_c8oLGaI__msxsXbpBDpdtwJEz_eIhfQoKHmedqgZPCdBx59zpKZLSk8OPLT0cZolbeuYJSBvzDVVsYvtpo5RkQ';

/** The one variable that is wrong, its value, and the fix that the message must name. */
const refusedInProduction: [string, string, Environment, RegExp][] = [
  ['with a live key for another API', 'DOJO_API_URL', { DOJO_API_URL: 'https://api.evil.example' }, /unset/],
  ['without a webhook secret', 'DOJO_WEBHOOK_SECRETS', { DOJO_WEBHOOK_SECRETS: undefined }, /npm run shop/],
  ['with an empty webhook secret', 'DOJO_WEBHOOK_SECRETS', { DOJO_WEBHOOK_SECRETS: ' , ' }, /npm run shop/],
  [
    'with a webhook secret of 15 characters',
    'DOJO_WEBHOOK_SECRETS',
    { DOJO_WEBHOOK_SECRETS: 'bGl2ZV93ZWJob29' },
    /npm run shop/,
  ],
  [
    'with a short webhook secret beside a good one',
    'DOJO_WEBHOOK_SECRETS',
    { DOJO_WEBHOOK_SECRETS: 'bGl2ZV93ZWJob29rX3Rlc3Q,short' },
    /npm run shop/,
  ],
  ...placeholders.map((DOJO_WEBHOOK_SECRETS): [string, string, Environment, RegExp] => [
    `with the placeholder ${DOJO_WEBHOOK_SECRETS}`,
    'DOJO_WEBHOOK_SECRETS',
    { DOJO_WEBHOOK_SECRETS },
    /npm run shop/,
  ]),
  ['with a sandbox key', 'DOJO_API_KEY', { DOJO_API_KEY: sandboxKey }, /live key/],
  [
    'with a sandbox key where sandbox keys are not allowed',
    'DOJO_API_KEY',
    { DOJO_API_KEY: sandboxKey, DOJO_ALLOW_SANDBOX: 'false' },
    /live key/,
  ],
  [
    'with the public key from Dojo’s documentation',
    'DOJO_API_KEY',
    { DOJO_API_KEY: publicKey, DOJO_ALLOW_SANDBOX: 'true' },
    /your own/,
  ],
  ['at an http address', 'PUBLIC_URL', { PUBLIC_URL: 'http://kettle.shop' }, /https/],
  ['without an address', 'PUBLIC_URL', { PUBLIC_URL: undefined }, /https/],
  [
    'with an http payment page',
    'DOJO_CHECKOUT_ORIGIN',
    { DOJO_CHECKOUT_ORIGIN: 'http://pay.dojo.tech' },
    /unset/,
  ],
  ['with orders in memory', 'DATABASE_URL', { DATABASE_URL: 'sqlite::memory:' }, /name a file/],
  [
    'with orders in memory under another name',
    'DATABASE_URL',
    { DATABASE_URL: 'sqlite:file::memory:?cache=shared' },
    /name a file/,
  ],
  [
    'with orders in shared memory',
    'DATABASE_URL',
    { DATABASE_URL: 'sqlite:file:orders?mode=memory' },
    /name a file/,
  ],
  ...openUrls.map((DATABASE_URL): [string, string, Environment, RegExp] => [
    `with an unverified connection to ${DATABASE_URL}`,
    'DATABASE_URL',
    { DATABASE_URL },
    /sslmode=verify-full$/,
  ]),
  [
    'with certificates unchecked',
    'NODE_TLS_REJECT_UNAUTHORIZED',
    { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    /unset/,
  ],
  ...['http://depot.example/orders', 'HTTP://10.0.0.7:8080', 'http://localhost.example'].map(
    (FULFILMENT_URL): [string, string, Environment, RegExp] => [
      `with notifications sent openly to ${FULFILMENT_URL}`,
      'FULFILMENT_URL',
      { FULFILMENT_URL, FULFILMENT_SECRET: `whsec_${'A'.repeat(44)}` },
      /https/,
    ],
  ),
  ['without a session secret', 'SESSION_SECRET', { SESSION_SECRET: undefined }, /openssl/],
  ['with an empty session secret', 'SESSION_SECRET', { SESSION_SECRET: '' }, /openssl/],
];

describe('a production shop refuses to start', () => {
  test.each(refusedInProduction)('%s, and names %s and the fix', (_name, variable, members, fix) => {
    const [problem = '', ...more] = problemsOf({ ...production, ...members });
    expect(more).toEqual([]);
    expect(problem.startsWith(`${variable}: `), problem).toBe(true);
    expect(problem).toMatch(fix);
    expect(problem).not.toContain('\n');
  });

  test.each(['3.51.2', '3.50.4', '3.9.9', '3.51', '0'])('on SQLite %s', (version) => {
    expect(problemsOf(production, version)).toEqual([
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
  ])('but not with orders at %s, whichever SQLite this Node includes', (url) => {
    const config = parseConfig({ ...production, DATABASE_URL: url }, { sqliteVersion: '3.40.0' });
    expect(config.database.url).toBe(url);
  });

  test.each(['https://depot.example', 'http://localhost:8080/x', 'http://127.0.0.1', 'http://[::1]:9'])(
    'but not with notifications sent to %s',
    (FULFILMENT_URL) => {
      const fulfilment = { FULFILMENT_URL, FULFILMENT_SECRET: `whsec_${'A'.repeat(44)}` };
      expect(read({ ...production, ...fulfilment }).fulfilment?.url).toBe(FULFILMENT_URL);
    },
  );

  test.each(['3.51.3', '3.51.10', '3.53.0', '4.0.0'])('but not on SQLite %s', (version) => {
    expect(parseConfig(production, { sqliteVersion: version }).isProduction).toBe(true);
  });

  test('while a development shop starts with all of this', () => {
    const members = {
      DOJO_API_URL: 'http://localhost:4000',
      DATABASE_URL: 'sqlite::memory:',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    };
    expect(parseConfig({ ...development, ...members }, { sqliteVersion: '3.40.0' }).isProduction).toBe(false);
  });
});

test('no message gives away a secret', () => {
  const env = {
    NODE_ENV: 'production',
    DOJO_API_KEY: 'hush_api_key',
    DOJO_WEBHOOK_SECRETS: 'hush,hush_b,hush_c,hush_d',
    SESSION_SECRET: 'hush_session',
    PUBLIC_URL: 'https://user:hush@kettle.shop',
    DATABASE_URL: 'postgres://user:hush@db/shop',
    DOJO_API_URL: 'https://user:hush@api.dojo.tech',
    FULFILMENT_URL: 'hush',
    FULFILMENT_SECRET: 'hush',
    SHIP_SECRET: 'hush',
  };
  const problems = problemsOf(env);
  expect(problems.length).toBeGreaterThanOrEqual(8);
  expect(problems.join('\n')).not.toContain('hush');
});

describe('a command that only calls Dojo', () => {
  test('needs a key and no other setting, in production too', () => {
    expect(parseDojoAccess({ NODE_ENV: 'production', DOJO_API_KEY: sandboxKey, PORT: 'x' })).toEqual({
      apiKey: sandboxKey,
      apiUrl: 'https://api.dojo.tech',
      apiVersion: '2026-02-27',
      timeoutMs: 4500,
      connections: 64,
    });
  });

  test('reports what is wrong with its settings', () => {
    expect(() => parseDojoAccess({ DOJO_API_URL: 'x' })).toThrow(
      /^DOJO_API_KEY: is missing.*\nDOJO_API_URL: must/,
    );
  });
});

describe('the example file', () => {
  const lines = envExample.split('\n');
  const named = lines.flatMap((line) => /^([A-Z][A-Z0-9_]*)=/.exec(line)?.[1] ?? []);

  test('names exactly the variables that the shop reads, each once', () => {
    expect(named.toSorted()).toEqual(variables.toSorted());
  });

  test('explains each of them', () => {
    for (const name of named) {
      const at = lines.findIndex((line) => line.startsWith(`${name}=`));
      const block = lines.slice(lines.lastIndexOf('', at) + 1, at);
      expect(block[0], name).toMatch(/^# \S.{10,}/);
    }
  });

  test('holds no key and no secret', () => {
    for (const name of [
      'DOJO_API_KEY',
      'DOJO_WEBHOOK_SECRETS',
      'SESSION_SECRET',
      'FULFILMENT_SECRET',
      'SHIP_SECRET',
    ])
      expect(examples[name]).toBe('');
  });
});

describe('docs/configuration.md', () => {
  const page = readFileSync(new URL('../docs/configuration.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \|(.*)\|$/gm)].map(([, name = '', rest = '']) => ({
    name,
    cells: rest.split('|').map((cell) => cell.trim()),
  }));
  const explained = rows.filter(({ cells }) => cells.length === 3);

  test('explains exactly the variables that the shop reads, each once', () => {
    expect(explained.map(({ name }) => name).toSorted()).toEqual(variables.toSorted());
    for (const { name, cells } of explained) expect(cells[0], name).toMatch(/^\S.{10,}/);
  });

  test('gives the defaults of the example file, which are those of the shop', () => {
    for (const { name, cells } of explained) {
      const [, value = ''] = /^`(.*)`$/.exec(cells[1] ?? '') ?? [];
      expect(value, name).toBe(examples[name]);
      expect(cells[1], name).not.toBe('');
    }
  });

  test('lists exactly the messages with which the shop refuses a value', () => {
    const documented = rows.flatMap(({ name, cells }) =>
      (cells.at(-1) ?? '').split('<br>').flatMap((message) => {
        const [, text] = /^`(.*)`$/.exec(message) ?? [];
        return text === undefined ? [] : `${name}: ${text}`;
      }),
    );
    const produced = new Set([
      ...refused.flatMap(([name, values]) =>
        values.flatMap((value) => problemsOf({ ...development, [name]: value })),
      ),
      ...refusedInProduction.flatMap(([, , members]) => problemsOf({ ...production, ...members })),
      ...problemsOf(production, '3.50.4'),
      ...[noSecret, badAddress, oneSecret].flatMap((members) => problemsOf({ ...development, ...members })),
    ]);
    const expected = new Set([...produced].map((problem) => problem.replace(/ \(it .*\)$/, '')));
    expect(documented.toSorted()).toEqual([...expected].toSorted());
  });
});

function read(env: Environment): Config {
  return parseConfig(env, { sqliteVersion });
}

function problemsOf(env: Environment, version = sqliteVersion): readonly string[] {
  try {
    parseConfig(env, { sqliteVersion: version });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).problems;
  }
  return [];
}
