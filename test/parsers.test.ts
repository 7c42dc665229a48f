import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ConfigError, parseConfig } from '../src/config.ts';
import { createDojoClient } from '../src/dojo/client.ts';
import { DojoError } from '../src/dojo/errors.ts';
import { parseWebhookEvent } from '../src/dojo/webhook.ts';
import { CatalogueError, parseCatalogue } from '../src/shop/catalogue.ts';
import { startServer } from './dojo/support.ts';
import { catalogueFile } from './support/catalogue.ts';
import { paymentIntentReply, searchReply } from './support/dojo-replies.ts';
import { mutatedText, mutatedValue } from './support/mutations.ts';
import { shopEnv } from './support/shop.ts';
import { statusUpdate } from './support/webhook.ts';

const asText = (value: unknown) => JSON.stringify(value) ?? '';

test('a catalogue file that was damaged anywhere is read, or refused with its problems', () => {
  const valid = { ...catalogueFile, delivery: { ...catalogueFile.delivery, countries: ['GB', 'IE'] } };
  const texts = fc.oneof(mutatedText(asText(valid)), mutatedValue(valid).map(asText));
  fc.assert(
    fc.property(texts, (text) => {
      const catalogue = readOrRefuse(() => parseCatalogue(text), CatalogueError);
      for (const { sku, price } of catalogue?.products.values() ?? []) {
        expect(sku).toMatch(/^[a-z0-9-]{1,40}$/);
        expect(Number.isSafeInteger(price)).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});

test('an environment that was damaged anywhere is read, or refused with its problems and without its secrets', () => {
  const env = { ...shopEnv, PUBLIC_URL: 'https://shop.example', TRUST_PROXY: '10.0.0.0/8', PORT: '3000' };
  const variable = fc.constantFrom(...(Object.keys(env) as (keyof typeof env)[]));
  const changed = variable.chain((name) =>
    mutatedText(String((env as Record<string, string>)[name])).map((text) => ({ ...env, [name]: text })),
  );
  fc.assert(
    fc.property(changed, (damaged) => {
      try {
        parseConfig(damaged);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        expect(error.message).not.toContain(shopEnv.SESSION_SECRET);
        expect(error.message).not.toContain(shopEnv.DOJO_API_KEY);
      }
    }),
    { numRuns: 300 },
  );
});

test('bytes of a webhook that were damaged anywhere are an event or are not', () => {
  const valid = statusUpdate({ paymentIntentId: 'pi_sandbox_T1', paymentStatus: 'Captured' });
  const bytes = fc.oneof(
    mutatedText(valid).map((text) => Buffer.from(text)),
    mutatedText(valid).map((text) => Buffer.from(text, 'latin1')),
    mutatedValue(JSON.parse(valid)).map((value) => Buffer.from(asText(value))),
  );
  fc.assert(
    fc.property(bytes, (body) => {
      const event = parseWebhookEvent(body);
      if (event !== null) expect([typeof event.id, typeof event.event]).toEqual(['string', 'string']);
    }),
    { numRuns: 300 },
  );
});

test.each([
  ['an intent', paymentIntentReply()],
  ['a search', searchReply([paymentIntentReply()])],
])('what Dojo answers about %s, damaged anywhere, is read, or is an error of Dojo', async (_what, valid) => {
  let reply = '';
  let status = 200;
  const { url } = await startServer((response) => response.writeHead(status).end(reply));
  const dojo = createDojoClient({
    apiUrl: url,
    apiKey: 'sk_sandbox_x',
    apiVersion: '2026-02-27',
    timeoutMs: 5_000,
    connections: 2,
    now: () => (clock += 60_000),
  });
  const ask = () =>
    'data' in valid
      ? dojo.searchPaymentIntents({ createdFrom: new Date(0), createdTo: new Date(1) } as never)
      : dojo.getPaymentIntent('pi_sandbox_T1');
  const replies = fc.oneof(mutatedText(asText(valid)), mutatedValue(valid).map(asText));
  await fc.assert(
    fc.asyncProperty(replies, fc.constantFrom(200, 200, 200, 400, 404), async (text, code) => {
      [reply, status] = [text, code];
      await ask().catch((error: unknown) => {
        if (!(error instanceof DojoError)) throw error;
      });
    }),
    { numRuns: 100 },
  );
  await dojo.close();
});

let clock = 0;

/** Nothing, if it is refused as it should be. */
function readOrRefuse<Read>(read: () => Read, Refusal: new (...args: never[]) => Error): Read | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return null;
  }
}
