import { z } from 'zod';
import type { OrderFacts } from '../shop/order.ts';
import { isDueAgain, type MessageType, messageDataOf, messageStates } from '../shop/order-messages.ts';
import type { NewsKind } from '../shop/order-news.ts';
import { defineTable, isAmong, type SqlTransaction } from './sql.ts';

export type NewMessage = { readonly kind: NewsKind; readonly order: OrderFacts };

/**
 * Adds messages in the transaction that makes them true, whose orders it has locked. Of each order one message has a time
 * at which it is sent; the others wait for it.
 */
export async function writeMessages(tx: SqlTransaction, added: readonly NewMessage[]): Promise<void> {
  const [condition, param] = isAmong(tx, [...new Set(added.map(({ order }) => order.id))]);
  const rows = await tx.all(
    `SELECT order_id, number, type, state FROM messages WHERE order_id ${condition} ORDER BY order_id, number`,
    [param],
  );
  const known = Map.groupBy(knownSchema.parse(rows), ({ order_id }) => order_id);
  const written = added.flatMap(({ kind, order }) => {
    const ofOrder = known.get(order.id) ?? [];
    const type: MessageType = `order.${kind}`;
    if (kind === 'due' && !isDueAgain(ofOrder)) return [];
    const number = (ofOrder.at(-1)?.number ?? 0) + 1;
    const isFirst = ofOrder.every(({ state }) => state !== 'waiting');
    const { id: orderId, updatedAt: createdAt } = order;
    known.set(order.id, [...ofOrder, { order_id: orderId, number, type, state: 'waiting' }]);
    const data = JSON.stringify(messageDataOf(order));
    return [
      { orderId, number, type, data, createdAt, state: 'waiting', nextTryAt: isFirst ? createdAt : null },
    ];
  });
  if (written.length > 0) await tx.withCommit(tx.insertRows(messagesTable, written));
}

const messagesTable = defineTable('messages', 'order_id number', {
  BIGINT: 'order_id number created_at next_try_at',
  TEXT: 'type data state',
});

const knownSchema = z.array(
  z.object({ order_id: z.int(), number: z.int(), type: z.string(), state: z.enum(messageStates) }),
);
