import type { Movement, PaymentIntent } from './payment-intent.ts';
import type { PaymentIntentStore } from './payment-intent-store.ts';

export type LedgerEntry = Movement & {
  readonly paymentIntentId: string;
  readonly reference: string;
  readonly currencyCode: string;
};

/** In minor units. `refunded` includes reversals. */
export type CardBalance = {
  readonly maskedNumber: string;
  readonly scheme: string;
  readonly currencyCode: string;
  readonly charged: number;
  readonly refunded: number;
  /** Reserved, and neither captured nor released. */
  readonly reserved: number;
};

const effects = {
  reserved: { charged: 0, refunded: 0, reserved: 1 },
  released: { charged: 0, refunded: 0, reserved: -1 },
  captured: { charged: 1, refunded: 0, reserved: -1 },
  charged: { charged: 1, refunded: 0, reserved: 0 },
  refunded: { charged: 0, refunded: 1, reserved: 0 },
  reversed: { charged: 0, refunded: 1, reserved: 0 },
} as const satisfies Record<Movement['kind'], Record<'charged' | 'refunded' | 'reserved', number>>;

/** All movements, oldest first, and the balance of each card. */
export function readLedger(intents: Pick<PaymentIntentStore, 'list'>): {
  balances: CardBalance[];
  movements: LedgerEntry[];
} {
  const movements = listMovements(intents.list().reverse());
  return { balances: balanceCards(movements), movements };
}

function listMovements(intents: readonly PaymentIntent[]): LedgerEntry[] {
  return intents
    .flatMap(({ id, request, total, movements }) =>
      movements.map((movement) => ({
        ...movement,
        paymentIntentId: id,
        reference: request.reference,
        currencyCode: total.currencyCode,
      })),
    )
    .toSorted((a, b) => a.at.getTime() - b.at.getTime());
}

/** One balance a card and currency, in order of first use. */
export function balanceCards(entries: readonly LedgerEntry[]): CardBalance[] {
  const balances = new Map<string, CardBalance>();
  for (const { kind, amount, maskedNumber, scheme, currencyCode } of entries) {
    const key = `${maskedNumber} ${currencyCode}`;
    const before = balances.get(key) ?? {
      maskedNumber,
      scheme,
      currencyCode,
      charged: 0,
      refunded: 0,
      reserved: 0,
    };
    const effect = effects[kind];
    balances.set(key, {
      ...before,
      charged: before.charged + effect.charged * amount,
      refunded: before.refunded + effect.refunded * amount,
      reserved: before.reserved + effect.reserved * amount,
    });
  }
  return [...balances.values()];
}
