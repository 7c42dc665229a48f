import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createWebhookSecret,
  findSigningSecret,
  signatureHeader,
  signWebhook,
  verifyWebhook,
} from '../../src/dojo/webhook.ts';

// Made by another program, so that both ends cannot be wrong in the same way.
const firstBody = Buffer.from(
  '{"id":"evt_demo1","event":"payment_intent.status_updated","accountId":"acc_demo","createdAt":"2026-11-22T10:00:00.1234567Z","data":{"paymentIntentId":"pi_sandbox_demo","paymentStatus":"Captured","captureMode":"Auto"}}',
);
const firstSignature =
  'sha256=34-E2-D9-00-8A-CE-F5-13-BB-92-E2-6B-3D-20-82-FF-43-90-42-12-B1-80-6C-D7-FF-46-F5-EA-E8-F4-D4-2D';
const examples = [
  {
    name: 'an event as Dojo sends it',
    secret: 'ZGVtb19zZWNyZXQ',
    body: firstBody,
    signature: firstSignature,
  },
  {
    name: 'other letters, spaces and a line break at the end',
    secret: 'ZGVtb19zZWNyZXQ',
    body: Buffer.from('{ "id":"evt_demo2", "note":"café £5" }\n'),
    signature:
      'sha256=87-B1-46-A8-24-EE-DE-69-D5-E4-80-D5-38-F6-EB-9F-97-A9-7F-84-6D-9D-2C-24-4E-4F-4E-BA-B7-A1-52-79',
  },
  {
    name: 'a secret that is not ASCII',
    secret: 'clé-secrète',
    body: firstBody,
    signature:
      'sha256=52-06-F8-B0-7F-6B-B9-A7-35-21-C2-95-88-50-83-30-20-32-ED-B1-47-0C-A5-BE-DF-0E-17-CD-D7-47-03-3D',
  },
];

const secret = createWebhookSecret('ZGVtb19zZWNyZXQ');
const hex = firstSignature.slice('sha256='.length);

describe.each(examples)('$name', ({ secret: value, body, signature }) => {
  test('is signed as in the worked example', () => {
    expect(signWebhook(body, createWebhookSecret(value))).toBe(signature);
  });

  test('verifies with its secret, and with no other', () => {
    expect(verifyWebhook(body, signature, createWebhookSecret(value))).toBe(true);
    expect(verifyWebhook(body, signature, createWebhookSecret(`${value}x`))).toBe(false);
  });
});

test('the signature is in the header that Dojo documents', () => {
  expect(signatureHeader).toBe('dojo-signature');
});

describe('the right digest verifies', () => {
  test.each([
    ['in lower case', `sha256=${hex.toLowerCase()}`],
    ['without dashes', `sha256=${hex.replaceAll('-', '')}`],
    ['in lower case without dashes', `sha256=${hex.replaceAll('-', '').toLowerCase()}`],
    ['in mixed case', `sha256=${hex.slice(0, 40).toLowerCase()}${hex.slice(40)}`],
  ])('%s', (_name, signature) => {
    expect(verifyWebhook(firstBody, signature, secret)).toBe(true);
  });
});

describe('a signature is refused', () => {
  const pairs = hex.split('-');
  const bad: [string, string | undefined][] = [
    ['that is missing', undefined],
    ['that is empty', ''],
    ['that ends after the prefix', 'sha256='],
    ['without a prefix', hex],
    ['with the prefix sha1', `sha1=${hex}`],
    ['with the prefix sha512', `sha512=${hex}`],
    ['with the prefix in capitals', `SHA256=${hex}`],
    ['with the prefix in mixed case', `Sha256=${hex}`],
    ['with the prefix twice', `sha256=sha256=${hex}`],
    ['with a colon for the equals sign', `sha256:${hex}`],
    ['with a space before it', ` sha256=${hex}`],
    ['with a space after the prefix', `sha256= ${hex}`],
    ['with a space at the end', `sha256=${hex} `],
    ['with a line break at the end', `sha256=${hex}\n`],
    ['of 31 groups', `sha256=${pairs.slice(1).join('-')}`],
    ['of 33 groups', `sha256=${[...pairs, '00'].join('-')}`],
    ['of 63 digits', `sha256=${pairs.join('').slice(1)}`],
    ['of 65 digits', `sha256=${pairs.join('')}0`],
    ['with one dash too many', `sha256=${hex}-`],
    ['with one dash missing', `sha256=${hex.replace('-', '')}`],
    ['with a single dash', `sha256=${pairs[0]}-${pairs.slice(1).join('')}`],
    ['with letters that are not digits', `sha256=${['GG', ...pairs.slice(1)].join('-')}`],
    ['with full-width digits', `sha256=${hex.replace('3', '３')}`],
    ['of 8 kB', `sha256=${'A'.repeat(8192)}`],
    ['of 8 kB that begins with the right digest', `sha256=${hex}${'-00'.repeat(2700)}`],
    ['sent twice', `sha256=${hex}, sha256=${hex}`],
    ['in Base64', `sha256=${Buffer.from(pairs.join(''), 'hex').toString('base64')}`],
    ['of zeros', `sha256=${'00-'.repeat(31)}00`],
    ['with NUL in it', `sha256=${hex.slice(0, 20)}\0${hex.slice(21)}`],
  ];
  test.each(bad)('%s', (_name, signature) => {
    expect(findSigningSecret(firstBody, signature, [secret])).toBe(null);
  });

  test('that was made for another body', () => {
    for (const body of [Buffer.alloc(0), Buffer.from(`${firstBody}\n`), firstBody.subarray(1)])
      expect(verifyWebhook(body, firstSignature, secret)).toBe(false);
  });

  test('when there is no secret to try', () => {
    expect(findSigningSecret(firstBody, firstSignature, [])).toBe(null);
  });

  test('whatever garbage it is, without an error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string().map((text) => `sha256=${text}`),
        ),
        fc.uint8Array(),
        (signature, body) => {
          expect(findSigningSecret(body, signature, [secret])).toBe(null);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('when any digit of it changes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(63), fc.integer({ min: 1, max: 15 }), (body, place, by) => {
        const digits = [...signWebhook(body, secret).slice('sha256='.length).replaceAll('-', '')];
        digits[place] = ((Number.parseInt(digits[place] ?? '0', 16) + by) % 16).toString(16);
        expect(verifyWebhook(body, `sha256=${digits.join('')}`, secret)).toBe(false);
      }),
    );
  });

  test('when any bit of the body changes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), fc.nat(7), (body, at, bit) => {
        const signature = signWebhook(body, secret);
        expect(verifyWebhook(body, signature, secret)).toBe(true);
        const changed = Uint8Array.from(body);
        changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ (1 << bit);
        expect(verifyWebhook(changed, signature, secret)).toBe(false);
      }),
    );
  });
});

describe('while one secret replaces another', () => {
  const secrets = ['first-secret', 'ZGVtb19zZWNyZXQ', 'third-secret'].map(createWebhookSecret);

  test.each([0, 1, 2])('live secret %i is found by what it signed', (index) => {
    const live = secrets[index];
    if (live === undefined) throw new Error('There are three secrets.');
    const signature = signWebhook(firstBody, live);
    expect(findSigningSecret(firstBody, signature, secrets)).toBe(live);
    expect(findSigningSecret(firstBody, signature, secrets.toReversed())).toBe(live);
    expect(findSigningSecret(firstBody, signature, secrets.toSpliced(index, 1))).toBe(null);
  });

  test('each has its own label, which does not reveal it', () => {
    const labels = secrets.map((one) => one.label);
    expect(new Set(labels).size).toBe(3);
    for (const label of labels) expect(label).toMatch(/^whs_[0-9a-f]{8}$/);
    expect(createWebhookSecret('first-secret').label).toBe(labels[0]);
    expect(JSON.stringify(secrets)).not.toContain('first-secret');
  });

  test('an empty secret is refused, since anyone could sign with it', () => {
    expect(() => createWebhookSecret('')).toThrow(RangeError);
  });
});
