import { z } from 'zod';
import { findShipRefusal } from '../shop/holds.ts';
import { derive } from '../shop/order-events.ts';
import type { ApiAnswer, OrderStore, SignedRequest } from './order-store.ts';
import { getDetails, lockFacts, saveChanges } from './orders.ts';
import { defineTable, type SqlDatabase, type SqlTransaction } from './sql.ts';

/** Goods go out once, and only while nothing is in the way. */
export function createFulfilmentStore(database: SqlDatabase): Pick<OrderStore, 'shipOrder'> {
  return {
    shipOrder: (orderId, shipment, request) =>
      database.write(async (tx) => {
        const details = await getDetails(tx, orderId);
        const [order] = await lockFacts(tx, [orderId]);
        if (order === undefined) throw new Error(`Order ${orderId} is not in the store.`);
        const repeated = request === undefined ? null : await findRepeated(tx, request);
        if (repeated !== null) return repeated;

        const kind = findShipRefusal(order, order.holds) ?? 'sent';
        // Two requests with one id may be about different orders, which do not wait for each other.
        if (request !== undefined && !(await keepRequest(tx, request, request.answers[kind])))
          return { kind: 'id-taken' };
        if (kind !== 'sent') return { kind, order: { ...details, ...order } };

        const { carrier, trackingUrl, sentAt } = shipment;
        await tx.run(
          `UPDATE fulfilments SET done_at = $2, carrier = $3, tracking_url = $4 WHERE order_id = $1`,
          [orderId, sentAt.getTime(), carrier, trackingUrl],
        );
        const after = derive({ ...order, ...shipment }, sentAt);
        await saveChanges(tx, [{ before: order, after }]);
        return { kind, order: { ...details, ...after } };
      }),
  };
}

/** What the request was answered before; null if it is new. The id with another body is another's. */
async function findRepeated(tx: SqlTransaction, { id, digest }: SignedRequest) {
  const [row] = requestsSchema.parse(
    await tx.all(`SELECT digest, status, body FROM api_requests WHERE id = $1`, [id]),
  );
  if (row === undefined) return null;
  const { status, body } = row;
  return Buffer.from(row.digest).equals(digest)
    ? { kind: 'repeated' as const, answer: { status, body } }
    : { kind: 'id-taken' as const };
}

async function keepRequest(tx: SqlTransaction, request: SignedRequest, answer: ApiAnswer): Promise<boolean> {
  const { id, digest, receivedAt } = request;
  const [isNew] = await tx.insertNewRows(requestsTable, [{ id, digest, receivedAt, ...answer }]);
  return isNew === true;
}

const requestsTable = defineTable('api_requests', 'id', {
  BIGINT: 'status received_at',
  TEXT: 'id body',
  BYTEA: 'digest',
});

const requestsSchema = z.array(
  z.object({ digest: z.instanceof(Uint8Array), status: z.int(), body: z.string() }),
);
