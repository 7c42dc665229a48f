import { formatMoney } from '../money.ts';
import type { PaymentIntent } from '../state/payment-intent.ts';

type Line = {
  readonly name: string;
  readonly quantity: number | null;
  readonly note: string | null;
  /** Null where the shop gives none. */
  readonly amount: string | null;
};

/** What is paid for, as the shop has sent it: lines are shown and not added up. */
export function presentOrder(intent: PaymentIntent) {
  const { config, reference, description } = intent.request;
  return {
    description: description || null,
    reference: config?.details?.showReference ? reference : null,
    /** Hidden only where the shop says so. */
    total: config?.details?.showTotal === false ? null : formatMoney(intent.total),
    lines: orderLines(intent),
  };
}

function orderLines({ request }: PaymentIntent): Line[] {
  const items = (request.itemLines ?? []).map(({ name, id, quantity, modifiers, amountTotal }) => ({
    name: name || id || 'Item',
    quantity: quantity !== undefined && quantity > 1 ? quantity : null,
    note:
      (modifiers ?? [])
        .map((modifier) =>
          modifier.quantity > 1 ? `${modifier.name} × ${modifier.quantity}` : modifier.name,
        )
        .join(', ') || null,
    amount: amountTotal && formatMoney(amountTotal),
  }));
  const taxes = (request.taxLines ?? []).map(({ caption, id, subCaption, amountTotal }) => ({
    name: caption || id || 'Tax',
    quantity: null,
    note: subCaption || null,
    amount: formatMoney(amountTotal),
  }));
  const extras = [
    { name: 'Tip', money: request.tipsAmount },
    { name: 'Cashback', money: request.cashbackAmount },
    { name: 'Service charge', money: request.serviceChargeAmount },
  ].flatMap(({ name, money }) =>
    money ? [{ name, quantity: null, note: null, amount: formatMoney(money) }] : [],
  );
  return [...items, ...taxes, ...extras];
}
