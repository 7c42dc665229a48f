import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseCatalogue } from '../../src/shop/catalogue.ts';
import type { OrderStatus } from '../../src/shop/order-status.ts';
import { jsonDetails } from '../support/details.ts';
import { createRandom } from '../support/random.ts';
import { projectFolder } from './server.ts';

/** What happens to an order after it is placed, and the status it ends with. Only a captured one is sent out. */
const stories: readonly [Story, ...Story[]] = [
  { events: ['Captured'], status: 'paid' },
  { events: ['Authorized', 'Captured'], status: 'paid' },
  { events: ['Created', 'Captured'], status: 'paid' },
  { events: ['Authorized'], status: 'authorized' },
  { events: ['Canceled'], status: 'canceled' },
  { events: [], status: 'awaiting_payment' },
];
type Story = { readonly events: readonly string[]; readonly status: OrderStatus };

export type Purchase = {
  readonly key: string;
  readonly body: string;
  readonly story: Story;
  /** Asked again as soon as it is answered. */
  readonly isDoubleClick: boolean;
  /** Some deliveries come again although they were answered. */
  readonly isRepeated: boolean;
  tries: number;
  answer: Answer | null;
  isExhausted: boolean;
};

export type Delivery = {
  readonly body: string;
  readonly digest: string;
  isRepeated: boolean;
  tries: number;
  isAnswered: boolean;
};

export type Answer = { readonly status: number; readonly location: string; readonly text: string };
export type Placed = { reference: string; orderUrl: string; paymentIntentId: string; paymentLink: string };

const [catalogueSku] = parseCatalogue(
  readFileSync(join(projectFolder, 'src/shop/sample-catalogue.json'), 'utf8'),
).products.keys();

/** In one run, the same number is always the same purchase, however the requests race. */
export function createPurchase(seed: number, number: number): Purchase {
  const random = createRandom(seed * 1_000_003 + number);
  return {
    key: `key-${seed}-${number}`,
    body: JSON.stringify({ ...jsonDetails, items: [{ sku: catalogueSku, quantity: 1 + random.below(3) }] }),
    story: random.pick(stories),
    isDoubleClick: random.chance(0.3),
    isRepeated: random.chance(0.15),
    tries: 0,
    answer: null,
    isExhausted: false,
  };
}

/** Compares the file that remains with what the shop answered. */
export function auditCrash(path: string, purchases: readonly Purchase[], deliveries: readonly Delivery[]) {
  const database = new DatabaseSync(path, { readOnly: true });
  const wrong: string[] = [];
  const expectNone = (what: string, sql: string): void => {
    const found = database.prepare(sql).all();
    if (found.length > 0) wrong.push(`${what}: ${JSON.stringify(found.slice(0, 5))}`);
  };
  const expectSame = (what: string, found: unknown, wanted: unknown): void => {
    if (JSON.stringify(found) !== JSON.stringify(wanted))
      wrong.push(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
  };
  try {
    expectSame('integrity', database.prepare('PRAGMA integrity_check').all(), [{ integrity_check: 'ok' }]);
    expectNone('a row without its order', 'PRAGMA foreign_key_check');
    expectNone(
      'a key with two orders',
      'SELECT checkout_key FROM orders GROUP BY checkout_key HAVING count(*) > 1',
    );
    expectNone(
      'an order with two attached attempts',
      `SELECT order_id FROM attempts WHERE state = 'attached' GROUP BY order_id HAVING count(*) > 1`,
    );
    expectNone(
      'a fulfilment of an order that is not paid',
      `SELECT order_id FROM fulfilments JOIN orders ON id = order_id WHERE status <> 'paid'`,
    );
    expectNone(
      'an order with two fulfilments',
      'SELECT order_id FROM fulfilments GROUP BY order_id HAVING count(*) > 1',
    );

    const kept = new Map<string, number>();
    for (const { body } of database.prepare('SELECT body FROM events').iterate()) {
      const digest = createHash('sha256')
        .update(body as Uint8Array)
        .digest('hex');
      kept.set(digest, (kept.get(digest) ?? 0) + 1);
    }
    for (const { digest, body, isAnswered } of deliveries) {
      if (isAnswered && kept.get(digest) !== 1) wrong.push(`kept ${kept.get(digest) ?? 0} times: ${body}`);
      kept.delete(digest);
    }
    expectSame('events that were never sent', [...kept.keys()], []);

    const findOrder = database.prepare(
      `SELECT reference, status, holds, payment_intent_id, payment_link,
         (SELECT count(*) FROM fulfilments WHERE order_id = id) AS fulfilments,
         (SELECT group_concat(type ORDER BY number) FROM messages WHERE order_id = id
            AND type IN ('order.paid', 'order.due')) AS messages
       FROM orders LEFT JOIN attempts ON order_id = id AND state = 'attached' WHERE checkout_key = ?`,
    );
    for (const { key, answer, story } of purchases) {
      if (answer === null) continue;
      const placed = JSON.parse(answer.text) as Placed;
      expectSame(`the order of ${key}`, findOrder.all(key), [
        {
          reference: placed.reference,
          status: story.status,
          holds: '',
          payment_intent_id: placed.paymentIntentId,
          payment_link: placed.paymentLink,
          fulfilments: Number(story.status === 'paid'),
          messages: story.status === 'paid' ? 'order.paid,order.due' : null,
        },
      ]);
    }
    const count = (sql: string): number => Number(database.prepare(sql).get()?.count);
    return {
      wrong,
      ordersPaid: count(`SELECT count(*) AS count FROM orders WHERE status = 'paid'`),
      fulfilments: count('SELECT count(*) AS count FROM fulfilments'),
    };
  } finally {
    database.close();
  }
}
