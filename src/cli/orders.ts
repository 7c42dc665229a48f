import { randomUUID } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import { type CanceledOrder, cancelOrder } from '../checkout/cancel-order.ts';
import { type CapturedOrder, captureOrder } from '../checkout/capture-order.ts';
import { reconcile } from '../checkout/reconcile.ts';
import { type RefundedOrder, refundOrder, undoOrder } from '../checkout/refund-order.ts';
import type { Context } from '../context.ts';
import { DojoError } from '../dojo/errors.ts';
import { formatMoney } from '../shop/money.ts';
import type { Order } from '../shop/order.ts';
import { CommandError, describeDojoError } from './command-error.ts';
import { describeOrder, reportOrder } from './order-report.ts';
import { type Answer, jsonOption, type PrintOptions, requireOption, type Shell } from './shell.ts';

type RefundOptions = PrintOptions & {
  /** Minor units. */
  readonly amount: number;
  readonly reason: string;
};

export function addOrderCommands(program: Command, shell: Shell): void {
  const orders = program
    .command('orders')
    .description('show, cancel, capture and refund orders')
    .helpCommand(false);

  /** Adds a command that changes one order, or only shows it. */
  function add(name: string, description: string, change: Change): Command {
    return orders
      .command(name)
      .description(description)
      .argument('<reference>', 'the order, such as ORD-0SAA1-AJSBQN', parseReference)
      .option(...jsonOption)
      .action((reference: string, options: RefundOptions) =>
        shell.withShop(options, async (context) => {
          const { done, order } = await change(context, await getOrder(context, reference), options);
          return { text: `${done}${describeOrder(order)}`, data: reportOrder(order) };
        }),
      );
  }
  add('show', 'show what is known about an order', async (_context, order) => ({ done: '', order }));
  add('cancel', 'cancel an order while it is unpaid', cancel);
  add('capture', 'take the money that CAPTURE_MODE=Manual has reserved', capture);
  requireOption(
    add('refund', 'return part of the money', refund),
    ['--amount <amount>', "how much, in the order's currency, such as 12.50"],
    parseAmount,
  ).option('--reason <text>', 'the reason that Dojo keeps with the refund', 'Refunded by the shop');
  add('undo', 'release, reverse or refund the whole payment, as Dojo allows', undo);

  program
    .command('reconcile')
    .alias('sweep')
    .description('ask Dojo about every order that is due')
    .option(...jsonOption)
    .action((options: PrintOptions) => shell.withShop(options, reconcileNow));
  const replay = program
    .command('replay')
    .description('derive every order again from what was heard, and compare');
  requireOption(replay, ['--check', 'compare only; orders never change'])
    .option(...jsonOption)
    .action((options: PrintOptions) => shell.withShop(options, checkReplay));
}

/** Throws `CommandError` for a refusal. */
type Change = (
  context: Context,
  order: Order,
  options: RefundOptions,
) => Promise<{ readonly done: string; readonly order: Order }>;

type Refusals<Kind extends string, Done extends Kind> = Readonly<
  Record<Exclude<Kind, Done>, (order: Order) => string>
>;

const cancelRefusals: Refusals<CanceledOrder['kind'], 'canceled'> = {
  'too-late': ({ reference, status, holds }) =>
    `Too late to cancel ${reference}: the shopper has paid. It is ${status}, and held for you: ${holds.join(', ')}.`,
  'not-open': ({ reference, status }) => `${reference} cannot be cancelled: it is ${status}.`,
  unknown: ({ reference }) => `Dojo still calls ${reference} open. The shop tries again.`,
};

async function cancel(context: Context, before: Order) {
  const advice = 'The shop remembers to cancel it and tries again.';
  const { kind, order } = await advising(advice, () => cancelOrder(context, before));
  if (kind !== 'canceled') throw new CommandError(cancelRefusals[kind](order));
  return { done: 'Cancelled: no one can pay it any more.\n', order };
}

const captureRefusals: Refusals<CapturedOrder['kind'], 'captured'> = {
  'not-reserved': ({ reference, status }) => `${reference} has no reserved money to take: it is ${status}.`,
  refused: ({ reference }) => `Dojo refused to capture ${reference}; its portal may say why.`,
};

async function capture(context: Context, before: Order) {
  // Dojo is asked first whether the money is taken already.
  const advice = 'It is safe to run this command again.';
  const { kind, order } = await advising(advice, () => captureOrder(context, before));
  if (kind !== 'captured') throw new CommandError(captureRefusals[kind](order));
  return { done: `Captured ${totalOf(order)}.\n`, order };
}

const refundRefusals: Refusals<RefundedOrder['kind'], 'done'> = {
  'too-much': (order) => `Only ${formatKept(order)} of ${order.reference} is left to return.`,
  stale: ({ reference }) =>
    `${reference} has another refund that Dojo has not confirmed yet. Run reconcile, look at the order, then try again.`,
  'not-paid': ({ reference, status }) => `${reference} has no money to return: it is ${status}.`,
  refused: ({ reference }) => `Dojo refused to return the money of ${reference}; its portal may say why.`,
};

/** An undo asks for all that is left, so too much means nothing, or a refund on its way. */
const undoRefusals: typeof refundRefusals = {
  ...refundRefusals,
  'too-much': (order) =>
    reportOrder(order).money.kept === 0
      ? `${order.reference} has nothing left to return: it is ${order.status}.`
      : refundRefusals.stale(order),
};

const refundAdvice =
  'The shop has stored the refund and asks again with the same key until Dojo answers. Do not repeat it; run reconcile.';

async function refund(context: Context, before: Order, { amount, reason }: RefundOptions) {
  // A refund that was stored meanwhile, its answer perhaps lost, makes this sum wrong and the new refund is refused.
  const expectedRefunded = before.attempts.reduce((sum, { facts }) => sum + facts.refundedAmount, 0);
  const request = { id: randomUUID(), amount, reason, expectedRefunded };
  const { kind, order } = await advising(refundAdvice, () => refundOrder(context, before, request));
  if (kind !== 'done') throw new CommandError(refundRefusals[kind](order));
  return { done: `Refunded ${formatIn(order, amount)}.\n`, order };
}

async function undo(context: Context, before: Order) {
  const { kind, order } = await advising(refundAdvice, () =>
    undoOrder(context, before, randomUUID(), 'Undone by the shop'),
  );
  if (kind !== 'done') throw new CommandError(undoRefusals[kind](order));
  return { done: `Undone: nothing of ${totalOf(order)} is kept.\n`, order };
}

/** Asks Dojo about every order that is due, as the running shop does by itself. */
async function reconcileNow(context: Context): Promise<Answer> {
  const { ran, stoppedBy, ...counts } = await reconcile(context, randomUUID());
  if (!ran) throw new CommandError('Another process is reconciling now.');
  if (stoppedBy !== null) {
    const { exitCode, message } = describeDojoError(stoppedBy);
    throw new CommandError(`${message} What is due stays due.`, exitCode);
  }
  const { orders, orphans, refunds } = counts;
  return {
    text: `Orders checked: ${orders}. Orphan intents checked: ${orphans}. Refunds finished: ${refunds}.\n`,
    data: counts,
  };
}

async function checkReplay({ store }: Context): Promise<Answer> {
  const { orders, different } = await store.checkReplay();
  if (different.length > 0)
    throw new CommandError(`Of ${orders} orders these differ from what was heard: ${different.join(', ')}.`);
  return {
    text: `${orders} orders are what the kept events and observations make of them.\n`,
    data: { orders, different },
  };
}

/** Adds what happens next to an error of Dojo's, so that no one repeats what the shop finishes by itself. */
async function advising<T>(advice: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DojoError)) throw error;
    const { exitCode, message } = describeDojoError(error);
    throw new CommandError(`${message} ${advice}`, exitCode);
  }
}

async function getOrder({ store }: Context, reference: string): Promise<Order> {
  const order = await store.findOrderByReference(reference);
  if (order === null) throw new CommandError(`There is no order ${JSON.stringify(reference)}.`);
  return order;
}

function parseReference(text: string): string {
  return text.trim().toUpperCase();
}

/** Minor units of an amount such as 12.50, digit by digit: a float has no exact 19.99. */
function parseAmount(text: string, previous: number | undefined): number {
  if (previous !== undefined) throw new InvalidArgumentError('Give one amount.');
  const [, units = '', fraction = ''] = /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(text) ?? [];
  const amount = Number(units + fraction.padEnd(2, '0'));
  if (amount === 0)
    throw new InvalidArgumentError('It must be more than 0, with at most two decimals, such as 12.50.');
  return amount;
}

function totalOf(order: Order): string {
  return formatIn(order, order.basket.total);
}

function formatKept(order: Order): string {
  const { kept } = reportOrder(order).money;
  return kept === null ? 'an unknown amount' : formatIn(order, kept);
}

function formatIn({ basket: { currencyCode } }: Order, value: number): string {
  return formatMoney({ value, currencyCode });
}
