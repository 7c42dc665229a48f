import type { Context } from '../context.ts';
import type { PaymentIntent } from '../dojo/schemas.ts';
import { observedFacts } from '../shop/intent-facts.ts';
import type { OrderFacts, PaymentAttempt } from '../shop/order.ts';
import { createOrderId } from '../shop/order.ts';
import { type PaymentMoney, paymentMoney, takenOf } from '../shop/order-money.ts';
import { plus } from '../shop/schedule.ts';
import { paceDojo } from './pace-dojo.ts';
import { creationWindow, isUnusable, searchPages } from './search-intents.ts';
import { getIntent, isTaken } from './settle-order.ts';

/** Of one payment or of many, in minor units. */
export type ComparedMoney = { readonly dojo: PaymentMoney; readonly store: PaymentMoney };

export type ComparedPayment = ComparedMoney & {
  readonly reference: string;
  /** Null if the store has no such payment. */
  readonly number: number | null;
  readonly paymentIntentId: string;
  readonly currencyCode: string;
};

export type Comparison = {
  readonly payments: number;
  /** By currency. */
  readonly totals: ReadonlyMap<string, ComparedMoney>;
  readonly differences: readonly ComparedPayment[];
  /** Payment intents of the same Dojo account that this shop did not create. */
  readonly foreign: number;
};

/**
 * Compares what Dojo and the store say about the money of every payment that began in a period, to the penny; changes
 * nothing. A payment that Dojo's search does not show is asked for by itself. Throws `DojoError`.
 */
export async function compareOrders(
  unpaced: Context,
  period: { readonly from: Date; readonly to: Date },
): Promise<Comparison> {
  const context = paceDojo(unpaced);
  const compared = new Map<string, readonly ComparedPayment[]>();
  const foreign = new Set<string>();
  for await (const rows of searchPeriod(context, period)) {
    const orders = await findOrders(context, rows);
    for (const row of rows) {
      const known = orders.byIntent.get(row.id);
      const beganAt = known?.attempt.createdAt ?? new Date(row.createdAt ?? period.from);
      if (!isWithin(period, beganAt)) continue;
      if (known !== undefined) {
        // Of such a row only a GET says how much was taken.
        if (!lacksCaptures(known.attempt, row))
          compared.set(row.id, comparePayment(known.order, known.attempt, row));
      } else if (isOurs(context, row, orders.references)) compared.set(row.id, [comparedWithNone(row)]);
      else foreign.add(row.id);
    }
  }
  for await (const { order, attempt, id } of storedPayments(context, period)) {
    if (compared.has(id)) continue;
    compared.set(id, comparePayment(order, attempt, await getIntent(context, id)));
  }
  return summarise([...compared.values()].flat(), foreign.size);
}

type Period = { readonly from: Date; readonly to: Date };

function isWithin({ from, to }: Period, time: Date): boolean {
  return time >= from && time < to;
}

async function* searchPeriod(
  context: Context,
  { from, to }: Period,
): AsyncGenerator<readonly PaymentIntent[]> {
  try {
    for await (const { rows } of searchPages(context, creationWindow(context, from, to))) yield rows;
  } catch (error) {
    // What it did not show is asked for by itself.
    if (!isUnusable(error)) throw error;
  }
}

async function findOrders({ store }: Context, rows: readonly PaymentIntent[]) {
  const intents = rows.map(({ id }) => id);
  const orders = await store.findOrdersOf({ intents, references: rows.map(({ reference }) => reference) });
  return {
    references: new Set(orders.map(({ reference }) => reference)),
    byIntent: new Map(
      orders.flatMap((order) =>
        order.attempts.map((attempt) => [attempt.paymentIntentId, { order, attempt }] as const),
      ),
    ),
  };
}

/** Intents from before the shop had a name in their metadata are known by their reference. */
function isOurs(
  { shopId }: Context,
  { metadata, reference }: PaymentIntent,
  references: ReadonlySet<string>,
) {
  return metadata?.shop === undefined ? references.has(reference) : metadata.shop === shopId;
}

/** How long after an order was placed its last payment may have begun and still be compared if no search shows it. */
const lateMs = 24 * 60 * 60_000;

/** The payments in the store that began in the period. */
async function* storedPayments({ store }: Context, period: Period) {
  for (let after = createOrderId(plus(period.from, -lateMs), 0); ; ) {
    const orders = await store.listOrders(after, period.to);
    for (const order of orders) {
      for (const attempt of order.attempts) {
        const id = attempt.paymentIntentId;
        if (id !== null && isWithin(period, attempt.createdAt)) yield { order, attempt, id };
      }
    }
    const last = orders.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}

function lacksCaptures({ captureMode }: PaymentAttempt, row: PaymentIntent): boolean {
  return captureMode === 'Manual' && isTaken(row) && row.captures == null;
}

const noMoney: PaymentMoney = { received: 0, returned: 0, kept: 0 };

/** Money in another currency than the order's is another payment: the two are never offset. */
function comparePayment(
  order: OrderFacts,
  attempt: PaymentAttempt,
  intent: PaymentIntent | null,
): ComparedPayment[] {
  const { reference, currencyCode } = order;
  const payment = { reference, number: attempt.number, paymentIntentId: attempt.paymentIntentId ?? '' };
  const store = paymentMoney(attempt, order);
  const dojo = intent === null ? noMoney : moneyAtDojo(intent, attempt, order);
  const dojoCurrency = intent?.amount.currencyCode ?? currencyCode;
  if (dojoCurrency === currencyCode) return [{ ...payment, currencyCode, dojo, store }];
  return [
    { ...payment, currencyCode, dojo: noMoney, store },
    { ...payment, currencyCode: dojoCurrency, dojo, store: noMoney },
  ];
}

/** An intent that this shop created and has no order for: its database was restored from a backup, or lost a write. */
function comparedWithNone(intent: PaymentIntent): ComparedPayment {
  const { id, reference, amount, captureMode } = intent;
  const attempt = { number: 0, captureMode: captureMode === 'Manual' ? 'Manual' : 'Auto' } as const;
  return {
    reference,
    number: null,
    paymentIntentId: id,
    currencyCode: amount.currencyCode,
    dojo: moneyAtDojo(intent, attempt, { captures: [], total: amount.value }),
    store: noMoney,
  };
}

/** The shop's own count, over what Dojo answers alone. */
function moneyAtDojo(
  intent: PaymentIntent,
  attempt: Pick<PaymentAttempt, 'number' | 'captureMode'>,
  order: Pick<OrderFacts, 'captures' | 'total'>,
): PaymentMoney {
  const accepted = order.captures.filter(
    ({ attempt: number, state }) => number === attempt.number && state === 'done',
  );
  const facts = observedFacts(intent.status, {
    refundedAmount: intent.refundedAmount,
    capturedAmount: isTaken(intent) ? takenOf(intent, attempt.captureMode, accepted) : 0,
    reversalObserved: intent.status === 'Reversed',
  });
  return paymentMoney({ ...attempt, facts }, { captures: [], total: intent.amount.value });
}

function summarise(payments: readonly ComparedPayment[], foreign: number): Comparison {
  const totals = new Map<string, ComparedMoney>();
  for (const { currencyCode, dojo, store } of payments) {
    const before = totals.get(currencyCode) ?? { dojo: noMoney, store: noMoney };
    totals.set(currencyCode, { dojo: add(before.dojo, dojo), store: add(before.store, store) });
  }
  const differences = payments
    .filter(({ dojo, store }) => dojo.received !== store.received || dojo.returned !== store.returned)
    .sort((one, other) => one.reference.localeCompare(other.reference));
  return {
    payments: new Set(payments.map(({ paymentIntentId }) => paymentIntentId)).size,
    totals,
    differences,
    foreign,
  };
}

function add(one: PaymentMoney, other: PaymentMoney): PaymentMoney {
  return {
    received: one.received + other.received,
    returned: one.returned + other.returned,
    kept: one.kept + other.kept,
  };
}
