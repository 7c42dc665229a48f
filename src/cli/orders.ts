import { randomUUID } from 'node:crypto';
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import type { z } from 'zod';
import { compareOrders } from '../checkout/compare-orders.ts';
import { reconcile } from '../checkout/reconcile.ts';
import type { Context } from '../context.ts';
import { type DecisionAction, decisionActions, holds } from '../shop/decision.ts';
import { type Order, parseReference } from '../shop/order.ts';
import { carrierSchema, trackingUrlSchema } from '../shop/shipment.ts';
import {
  type Change,
  type ChangeOptions,
  cancel,
  capture,
  decide,
  erase,
  refresh,
  refund,
  ship,
  undo,
} from './change-order.ts';
import { CommandError, describeDojoError, exitCodes } from './command-error.ts';
import { comparisonCsv, describeComparison, reportComparison } from './comparison-report.ts';
import { describeOrder, reportOrder } from './order-report.ts';
import { type Answer, jsonOption, type PrintOptions, requireOption, type Shell } from './shell.ts';

export function addOrderCommands(program: Command, shell: Shell): void {
  const orders = program
    .command('orders')
    .description('show, compare, cancel, capture, refund, settle and ship orders')
    .helpCommand(false);

  function run(reference: string, options: ChangeOptions, change: Change): Promise<void> {
    return shell.withShop(options, async (context) => {
      const { done, order } = await change(context, await getOrder(context, reference), options);
      const customer = await context.store.findCustomer(order.id);
      return { text: `${done}${describeOrder(order, customer)}`, data: reportOrder(order, customer) };
    });
  }
  /** Adds a command that changes one order, or only shows it. */
  function add(name: string, description: string, change: Change): Command {
    return orders
      .command(name)
      .description(description)
      .argument('<reference>', 'the order, such as ORD-0SAA1-AJSBQN', readReference)
      .option(...jsonOption)
      .action((reference: string, options: ChangeOptions) => run(reference, options, change));
  }
  add('show', 'show what is known about an order', async (_context, order) => ({ done: '', order }));
  add('refresh', 'ask Dojo about an order now, and show it', refresh);
  orders
    .command('compare')
    .description('compare the money of payments between Dojo and the store; exits 1 if there is a difference')
    .option('--from <time>', 'when they began, such as 2026-11-24 or 2026-11-24T09:00Z; UTC', parseTime)
    .option(
      '--to <time>',
      'until when; a date includes that day; by default now, and --from a day before',
      parseTime,
    )
    .addOption(new Option('--csv', 'print the differences as CSV').conflicts('json'))
    .option(...jsonOption)
    .action((options: CompareOptions) => shell.withShop(options, (context) => compare(context, options)));
  add('cancel', 'cancel an order while it is unpaid', cancel);
  add('capture', 'take the money that CAPTURE_MODE=Manual has reserved', capture).option(
    '--amount <amount>',
    'a part of it, such as 12.50',
    parseAmount,
  );
  requireOption(
    add('refund', 'return part of the money', refund),
    ['--amount <amount>', "how much, in the order's currency, such as 12.50"],
    parseAmount,
  )
    .option('--payment <number>', 'the payment, if several have money', parsePayment)
    .option('--reason <text>', 'the reason that Dojo keeps with the refund', 'Refunded by the shop');
  add('ship', 'record that an order was sent', ship)
    .option('--carrier <name>', 'who carries it, such as Royal Mail', parseWith(carrierSchema))
    .option('--tracking-url <address>', 'where its way can be followed', parseWith(trackingUrlSchema));
  add('erase', 'forget who an order is for; every fact about its money stays', erase);
  add('undo', 'return all that is left: release, reverse or refund each payment, as Dojo allows', undo);
  requireOption(
    orders
      .command('decide')
      .description('settle what holds an order')
      .argument('<reference>', 'the order', readReference)
      .addArgument(
        new Argument('<action>', 'send the goods, return the money, or neither').choices(decisionActions),
      )
      .addOption(
        new Option('--hold <hold...>', 'the holds to settle; required if several stand').choices(holds),
      )
      .option('--payment <number>', 'refund this payment only', parsePayment)
      .option(...jsonOption),
    ['--reason <text>', 'why, for whoever looks at the order later'],
  ).action((reference: string, action: DecisionAction, options: ChangeOptions) =>
    run(reference, options, (context, order) => decide(context, order, { ...options, action })),
  );

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

/** A time, and whether it is a whole day. */
type GivenTime = { readonly at: Date; readonly isDay: boolean };
type CompareOptions = PrintOptions & {
  readonly from?: GivenTime;
  readonly to?: GivenTime;
  readonly csv?: boolean;
};

const dayMs = 24 * 60 * 60_000;

async function compare(context: Context, options: CompareOptions): Promise<Answer> {
  const { from: begin, to: end } = options;
  const to = end === undefined ? context.now() : new Date(end.at.getTime() + (end.isDay ? dayMs : 0));
  const from = begin?.at ?? new Date(to.getTime() - dayMs);
  if (from >= to) throw new CommandError('--from must be before --to.', exitCodes.usage);
  const comparison = await compareOrders(context, { from, to });
  const text =
    options.csv === true ? comparisonCsv(comparison) : describeComparison({ from, to }, comparison);
  const exitCode = comparison.differences.length > 0 ? exitCodes.refused : 0;
  return { text, data: reportComparison({ from, to }, comparison), exitCode };
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

async function getOrder({ store }: Context, reference: string): Promise<Order> {
  const order = await store.findOrderByReference(reference);
  if (order === null) throw new CommandError(`There is no order ${JSON.stringify(reference)}.`);
  return order;
}

function parseWith(schema: z.ZodType<string>): (text: string) => string {
  return (text) => {
    const { data, error } = schema.safeParse(text);
    if (error) throw new InvalidArgumentError(`It ${error.issues[0]?.message}.`);
    return data;
  };
}

/** What is no reference is looked for as it is, and not found. */
export function readReference(text: string): string {
  return parseReference(text) ?? text.trim();
}

function parsePayment(text: string): number {
  if (!/^[1-9]$/.test(text)) throw new InvalidArgumentError('It must be the number of a payment, such as 2.');
  return Number(text);
}

/** A date is its first moment; both are UTC. */
function parseTime(text: string): GivenTime {
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text);
  const at = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text)
    ? new Date(text)
    : new Date(Number.NaN);
  if (Number.isNaN(at.getTime()))
    throw new InvalidArgumentError('It must be a date or a time, such as 2026-11-24 or 2026-11-24T09:00Z.');
  return { at, isDay };
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
