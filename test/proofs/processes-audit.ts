import { createHash } from 'node:crypto';
import { z } from 'zod';
import { openStore } from '../../src/store/open-store.ts';
import { openDatabase } from '../support/open-database.ts';
import type { Placed, Purchase } from './crash-audit.ts';
import type { Sent } from './processes.ts';

const orderRows = z.array(
  z.object({
    checkout_key: z.string(),
    reference: z.string(),
    status: z.string(),
    holds: z.string(),
    total: z.int(),
    attached: z.int(),
    fulfilments: z.int(),
    messages: z.int(),
  }),
);

/** Compares the rows with the answers, on either database. */
export async function auditProcesses(
  databaseUrl: string,
  purchases: readonly Purchase[],
  deliveries: readonly Sent[],
): Promise<{ wrong: string[]; ordersPaid: number; fulfilments: number }> {
  const wrong: string[] = [];
  const database = await openDatabase(databaseUrl);
  const all = (sql: string) => database.read((tx) => tx.all(sql));
  try {
    const orders = orderRows.parse(
      await all(`SELECT checkout_key, reference, status, holds, total,
        (SELECT COUNT(*) FROM attempts WHERE order_id = orders.id AND state = 'attached') AS attached,
        (SELECT COUNT(*) FROM fulfilments WHERE order_id = orders.id) AS fulfilments,
        (SELECT COUNT(*) FROM messages WHERE order_id = orders.id AND type IN ('order.paid', 'order.due')) AS messages
        FROM orders`),
    );
    const byKey = Map.groupBy(orders, (order) => order.checkout_key);
    let paid = 0;
    for (const { key, story, answer } of purchases) {
      const found = byKey.get(key) ?? [];
      const [order] = found;
      const { reference } = JSON.parse(answer?.text ?? '{}') as Placed;
      const isRight =
        found.length === 1 &&
        order?.reference === reference &&
        order.status === story.status &&
        order.holds === '' &&
        order.attached === 1 &&
        order.fulfilments === Number(story.status === 'paid') &&
        order.messages === 2 * order.fulfilments;
      if (!isRight) wrong.push(`${key} (${story.events}): ${JSON.stringify(found)}`);
      if (story.status === 'paid') paid += order?.total ?? 0;
    }
    for (const { checkout_key, attached } of orders) {
      if (attached > 1) wrong.push(`${checkout_key} has ${attached} attached attempts`);
    }
    const booked = orders
      .filter((order) => order.status === 'paid')
      .reduce((sum, order) => sum + order.total, 0);
    if (booked !== paid) wrong.push(`${booked} pence are booked as paid, and ${paid} were paid`);

    const kept = new Map<string, number>();
    for (const { body } of z
      .array(z.object({ body: z.instanceof(Uint8Array) }))
      .parse(await all('SELECT body FROM events'))) {
      const digest = createHash('sha256').update(body).digest('hex');
      kept.set(digest, (kept.get(digest) ?? 0) + 1);
    }
    for (const { digest, body } of deliveries) {
      if (kept.get(digest) !== 1) wrong.push(`kept ${kept.get(digest) ?? 0} times: ${body}`);
    }
    const store = await openStore(databaseUrl);
    const { different } = await store.checkReplay();
    await store.close();
    if (different.length > 0) wrong.push(`replay yields different orders: ${different.join(', ')}`);
    return {
      wrong,
      ordersPaid: orders.filter((order) => order.status === 'paid').length,
      fulfilments: orders.reduce((sum, order) => sum + order.fulfilments, 0),
    };
  } finally {
    await database.close();
  }
}
