import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { cancelOrder } from '../checkout/cancel-order.ts';
import { captureOrder } from '../checkout/capture-order.ts';
import { reconcile } from '../checkout/reconcile.ts';
import { refundOrder, undoOrder } from '../checkout/refund-order.ts';
import type { Context } from '../context.ts';
import { formatMoney } from '../shop/money.ts';
import type { Order } from '../shop/order.ts';
import { CommandError } from './command-error.ts';

type Command = (context: Context, args: readonly string[]) => Promise<string>;

export const orderCommands: Readonly<Record<string, Command>> = {
  show: async (context, args) => describe(await getOrder(context, args)),

  cancel: async (context, args) => {
    const { kind, order } = await cancelOrder(context, await getOrder(context, args));
    return `${said[kind]}\n${describe(order)}`;
  },

  capture: async (context, args) => {
    const { kind, order } = await captureOrder(context, await getOrder(context, args));
    return `${said[kind]}\n${describe(order)}`;
  },

  undo: async (context, args) => {
    const { kind, order } = await undoOrder(
      context,
      await getOrder(context, args),
      randomUUID(),
      'Undone by the shop',
    );
    return `${said[kind]}\n${describe(order)}`;
  },

  refund: async (context, args) => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { amount: { type: 'string' }, reason: { type: 'string', default: 'Refunded by the shop' } },
    });
    const amount = /^\d+(\.\d\d)?$/.test(values.amount ?? '') ? Math.round(Number(values.amount) * 100) : 0;
    if (amount <= 0) throw new CommandError('Say how much, in pounds or euros: --amount 12.50');
    const before = await getOrder(context, positionals);
    // A refund whose answer was lost counts as made: asking again is refused, and the sweep finishes the first.
    const expectedRefunded = before.attempts.reduce((sum, { facts }) => sum + facts.refundedAmount, 0);
    const request = { id: randomUUID(), amount, reason: values.reason, expectedRefunded };
    const { kind, order } = await refundOrder(context, before, request);
    return `${said[kind]}\n${describe(order)}`;
  },
};

/** Looks at Dojo for every order that is due for it, as the running shop does by itself. */
export async function sweep(context: Context): Promise<string> {
  const { ran, orders, orphans, refunds } = await reconcile(context, randomUUID());
  if (!ran) return 'Another process is sweeping just now.\n';
  return `Asked Dojo about ${orders} orders and ${orphans} orphans, and finished ${refunds} refunds.\n`;
}

/** Derives every order again from the kept events and observations. Throws where one differs. */
export async function replay(context: Pick<Context, 'store'>, args: readonly string[]): Promise<string> {
  if (args.join(' ') !== '--check') throw new CommandError('Say: npm run shop -- replay --check');
  const { orders, different } = await context.store.checkReplay();
  if (different.length > 0) {
    throw new CommandError(`Of ${orders} orders these differ from what was heard: ${different.join(', ')}`);
  }
  return `${orders} orders are what the kept events and observations make of them.\n`;
}

const said: Readonly<Record<string, string>> = {
  canceled: 'Canceled: nobody can pay it any more.',
  'too-late': 'Too late: it was paid meanwhile, and is held for you.',
  'not-open': 'There is nothing to cancel.',
  unknown: 'Dojo still calls it open; the sweep tries again.',
  captured: 'Captured: the money is taken.',
  'not-reserved': 'There is no reservation to take money from.',
  done: 'Done: the money is on its way back.',
  'too-much': 'That is more than is left to give back.',
  stale: 'Another refund was asked for and is not counted yet; look again in a minute.',
  'not-paid': 'There is no money to give back.',
  refused: 'Dojo refused; its portal may tell why.',
};

async function getOrder(context: Context, [reference, ...rest]: readonly string[]): Promise<Order> {
  if (reference === undefined || rest.length > 0) throw new CommandError('Name one order: ORD-…');
  const order = await context.store.findOrderByReference(reference.toUpperCase());
  if (order === null) throw new CommandError(`There is no order ${reference}.`);
  return order;
}

function describe(order: Order): string {
  const { total, currencyCode, lines } = order.basket;
  return [
    `${order.reference}  ${order.status}${order.holds.length > 0 ? `, held: ${order.holds.join(', ')}` : ''}`,
    `  ${formatMoney({ value: total, currencyCode })}: ${lines.map((line) => `${line.quantity} × ${line.name}`).join(', ')}`,
    ...order.attempts.map(({ number, state, paymentIntentId, facts }) => {
      const known = Object.entries(facts).filter(([, value]) => value !== false && value !== 0);
      return `  attempt ${number}: ${state} ${paymentIntentId ?? ''} ${known.map(([name, value]) => (value === true ? name : `${name} ${value}`)).join(', ')}`.trimEnd();
    }),
    '',
  ].join('\n');
}
