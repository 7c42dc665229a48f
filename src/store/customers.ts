import { z } from 'zod';
import type { Customer } from '../shop/customer.ts';
import { createOrderId } from '../shop/order.ts';
import type { OrderStore } from './order-store.ts';
import { changeWholeOrder } from './orders.ts';
import { defineTable, type SqlDatabase, type SqlTransaction } from './sql.ts';

type CustomerStore = Pick<
  OrderStore,
  'findCustomer' | 'findLastCustomer' | 'eraseCustomer' | 'eraseOldCustomers'
>;

/** Personal data, which nothing else of the store reads. */
export function createCustomerStore(database: SqlDatabase): CustomerStore {
  return {
    findCustomer: (orderId) => database.read((tx) => findCustomer(tx, orderId)),

    findLastCustomer: (shopperId, checkoutKeys) =>
      database.read(async (tx) => {
        const rows = await tx.all(
          `SELECT ${columns} FROM orders JOIN customers ON order_id = id
           WHERE checkout_key ${tx.dialect.isOneOf('$1')} AND shopper_id = $2 ORDER BY id DESC LIMIT 1`,
          [checkoutKeys, shopperId],
        );
        return customersOf(rows)[0] ?? null;
      }),

    eraseCustomer: (orderId, now) =>
      database.write(async (tx) => {
        const order = await changeWholeOrder(tx, orderId, (facts) => ({
          ...facts,
          erasedAt: facts.erasedAt ?? now,
        }));
        await deleteCustomers(tx, [orderId]);
        return order;
      }),

    eraseOldCustomers: (after, { unpaidBefore, anyBefore }, now) =>
      database.write(async (tx) => {
        const youngest = anyBefore !== null && anyBefore > unpaidBefore ? anyBefore : unpaidBefore;
        const rows = oldSchema.parse(
          await tx.all(
            `SELECT id, CASE WHEN updated_at < $3 AND (status IN ('canceled', 'expired')
                 OR status = 'placed' AND NOT EXISTS (SELECT 1 FROM attempts WHERE order_id = id AND state NOT IN ('refused', 'absent')))
               OR updated_at < $4 THEN 1 ELSE 0 END AS is_over
             FROM customers JOIN orders ON id = order_id
             WHERE order_id > $1 AND order_id < $2 ORDER BY order_id LIMIT ${erasedAtOnce}`,
            [after, createOrderId(youngest, 0), unpaidBefore.getTime(), anyBefore?.getTime() ?? 0],
          ),
        );
        const over = rows.filter(({ is_over }) => is_over === 1).map(({ id }) => id);
        if (over.length > 0) {
          await tx.run(`UPDATE orders SET erased_at = $2 WHERE id ${tx.dialect.isOneOf('$1')}`, [
            over,
            now.getTime(),
          ]);
          await deleteCustomers(tx, over);
        }
        const last = rows.length < erasedAtOnce ? null : (rows.at(-1)?.id ?? null);
        return { erased: over.length, last };
      }),
  };
}

const erasedAtOnce = 500;
const oldSchema = z.array(z.object({ id: z.int(), is_over: z.int() }));

export async function findCustomer(tx: SqlTransaction, orderId: number): Promise<Customer | null> {
  return (
    customersOf(await tx.all(`SELECT ${columns} FROM customers WHERE order_id = $1`, [orderId]))[0] ?? null
  );
}

export async function insertCustomer(tx: SqlTransaction, orderId: number, customer: Customer): Promise<void> {
  const { emailAddress: email, name, phoneNumber: phone, delivery } = customer;
  const address = delivery && { ...delivery, recipient: delivery.name, country: delivery.countryCode };
  await tx.withCommit(
    tx.insertRows(customersTable, [{ ...noAddress, ...address, orderId, email, name, phone }]),
  );
}

async function deleteCustomers(tx: SqlTransaction, ids: readonly number[]): Promise<void> {
  await tx.run(`DELETE FROM customers WHERE order_id ${tx.dialect.isOneOf('$1')}`, [ids]);
}

const columns = 'email, name, phone, recipient, line1, line2, town, postcode, country, note';
const customersTable = defineTable('customers', 'order_id', {
  BIGINT: 'order_id',
  TEXT: columns.replaceAll(',', ''),
});
const noAddress = {
  recipient: null,
  line1: null,
  line2: null,
  town: null,
  postcode: null,
  country: null,
  note: null,
};

const text = z.string();
const rowSchema = z.intersection(
  z.object({ email: text, name: text.nullable(), phone: text.nullable() }),
  z.union([
    z.object({
      recipient: text,
      line1: text,
      line2: text.nullable(),
      town: text,
      postcode: text,
      country: text,
      note: text.nullable(),
    }),
    z.object({ recipient: z.null() }),
  ]),
);

function customersOf(rows: readonly unknown[]): Customer[] {
  return z
    .array(rowSchema)
    .parse(rows)
    .map((row) => ({
      emailAddress: row.email,
      name: row.name,
      phoneNumber: row.phone,
      delivery:
        row.recipient === null
          ? null
          : {
              name: row.recipient,
              line1: row.line1,
              line2: row.line2,
              town: row.town,
              postcode: row.postcode,
              countryCode: row.country,
              note: row.note,
            },
    }));
}
