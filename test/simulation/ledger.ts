import type { Movement, PaymentIntent } from '../../src/simulator/state/payment-intent.ts';

/** Minor units that Dojo took and gave back. */
export type LedgerMoney = { readonly received: number; readonly returned: number; readonly kept: number };

/** In the metadata of an intent of another shop, which ours must leave alone. */
export const foreignMark = { till: '1' };

export function isForeign({ request }: PaymentIntent): boolean {
  return request.metadata?.till === foreignMark.till;
}

/** The money of an intent by what happened to the card. */
export function moneyOf(intent: PaymentIntent): LedgerMoney {
  const received = moved(intent, 'charged') + moved(intent, 'captured');
  const returned = moved(intent, 'refunded') + moved(intent, 'reversed');
  return { received, returned, kept: received - returned };
}

/** What is kept as the shop could know it, if it does not know yet of refunds and reversals in the portal. */
export function keptBut(intent: PaymentIntent, inPortal: ReadonlySet<string>): number {
  const { received, kept } = moneyOf(intent);
  const ofPortal = intent.refunds.filter(isOfPortal).reduce((sum, { amount }) => sum + amount, 0);
  return inPortal.has(intent.id) && intent.status === 'Reversed' ? received : kept + ofPortal;
}

export function isOfPortal({ idempotencyKey }: PaymentIntent['refunds'][number]): boolean {
  return idempotencyKey.startsWith('portal-');
}

/** When money first moved; null if none did. */
export function firstMoneyAt({ movements }: PaymentIntent): Date | null {
  return movements[0]?.at ?? null;
}

function moved({ movements }: PaymentIntent, kind: Movement['kind']): number {
  return movements.filter((entry) => entry.kind === kind).reduce((sum, { amount }) => sum + amount, 0);
}
