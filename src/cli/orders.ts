import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import type { z } from 'zod';
import { type CanceledOrder, cancelOrder } from '../checkout/cancel-order.ts';
import { type CapturedOrder, captureOrder } from '../checkout/capture-order.ts';
import { compareOrders } from '../checkout/compare-orders.ts';
import { decideHold } from '../checkout/decide-hold.ts';
import { reconcile } from '../checkout/reconcile.ts';
import {
  findUndoable,
  type RefundedOrder,
  refundOrder,
  type UndonePayment,
  undoOrder,
} from '../checkout/refund-order.ts';
import { settleOrder } from '../checkout/settle-order.ts';
import type { Context } from '../context.ts';
import { DojoError } from '../dojo/errors.ts';
import { type DecisionAction, decisionActions, type Hold, holds } from '../shop/decision.ts';
import { standingHolds } from '../shop/holds.ts';
import { formatMoney } from '../shop/money.ts';
import { type Order, parseReference } from '../shop/order.ts';
import { orderMoney } from '../shop/order-money.ts';
import { carrierSchema, type ShipRefusal, trackingUrlSchema } from '../shop/shipment.ts';
import { CommandError, describeDojoError, exitCodes } from './command-error.ts';
import { comparisonCsv, describeComparison, reportComparison } from './comparison-report.ts';
import { describeOrder, reportOrder } from './order-report.ts';
import { type Answer, jsonOption, type PrintOptions, requireOption, type Shell } from './shell.ts';

/** All options that a command which changes an order may have. */
type ChangeOptions = PrintOptions & {
  /** Minor units. */
  readonly amount?: number;
  readonly reason?: string;
  /** The number of a payment. */
  readonly payment?: number;
  readonly hold?: readonly Hold[];
  readonly carrier?: string;
  readonly trackingUrl?: string;
};

export function addOrderCommands(program: Command, shell: Shell): void {
  const orders = program
    .command('orders')
    .description('show, compare, cancel, capture, refund, settle and ship orders')
    .helpCommand(false);

  function run(reference: string, options: ChangeOptions, change: Change): Promise<void> {
    return shell.withShop(options, async (context) => {
      const { done, order } = await change(context, await getOrder(context, reference), options);
      return { text: `${done}${describeOrder(order)}`, data: reportOrder(order) };
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

/** Throws `CommandError` for a refusal. */
type Change = (
  context: Context,
  order: Order,
  options: ChangeOptions,
) => Promise<{ readonly done: string; readonly order: Order }>;

type Refusals<Kind extends string, Done extends Kind> = Readonly<
  Record<Exclude<Kind, Done>, (order: Order) => string>
>;

async function refresh(context: Context, before: Order) {
  return { done: '', order: await settleOrder(context, before) };
}

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
  'too-much': (order) => `Less than that is reserved for ${order.reference}; its total is ${totalOf(order)}.`,
  'under-way': ({ reference }) =>
    `Money of ${reference} is being taken now, or was and its answer is lost. Try again in a minute.`,
  refused: ({ reference }) => `Dojo refused to capture ${reference}; its portal may say why.`,
};

async function capture(context: Context, before: Order, { amount }: ChangeOptions) {
  // Dojo is asked first whether the money is taken already.
  const advice = 'It is safe to run this command again.';
  const captured = await advising(advice, () => captureOrder(context, before, amount ?? null));
  if (captured.kind !== 'captured') throw new CommandError(captureRefusals[captured.kind](captured.order));
  const { order } = captured;
  return { done: `Captured ${formatIn(order, captured.amount)}.\n`, order };
}

const refundRefusals: Refusals<RefundedOrder['kind'], 'done'> = {
  'too-much': (order) => `Only ${formatKept(order)} of ${order.reference} is left to return.`,
  stale: ({ reference }) =>
    `${reference} has another refund that Dojo has not confirmed yet. Run reconcile, look at the order, then try again.`,
  'not-paid': ({ reference, status }) => `${reference} has no money to return: it is ${status}.`,
  ambiguous: (order) =>
    `${order.reference} has several payments with money (${listKept(order)}). Say which with --payment.`,
  refused: ({ reference }) => `Dojo refused to return the money of ${reference}; its portal may say why.`,
};

const refundAdvice =
  'The shop has stored the refund and asks again with the same key until Dojo answers. Do not repeat it; run reconcile.';

async function refund(context: Context, before: Order, options: ChangeOptions) {
  const { amount = 0, payment = null, reason = '' } = options;
  // A refund that was stored meanwhile, its answer perhaps lost, makes this sum wrong and the new refund is refused.
  const { payments } = orderMoney(before);
  const withMoney = payments.filter(({ kept, payment: { number } }) =>
    payment === null ? kept > 0 : number === payment,
  );
  const expectedReturned = withMoney[0]?.returned ?? null;
  const request = { id: randomUUID(), payment, amount, reason, expectedReturned };
  const { kind, order } = await advising(refundAdvice, () => refundOrder(context, before, request));
  if (kind !== 'done') throw new CommandError(refundRefusals[kind](order));
  return { done: `Refunded ${formatIn(order, amount)}.\n`, order };
}

const shipRefusals: Readonly<Record<ShipRefusal, (order: Order) => string>> = {
  'already-sent': ({ reference, sentAt }) => `${reference} was sent already, at ${sentAt?.toISOString()}.`,
  held: ({ reference, holds }) =>
    `${reference} is held: ${holds.join(', ')}. Decide first, with orders decide.`,
  'refund-under-way': ({ reference }) =>
    `Money of ${reference} is being returned. Run reconcile, then look at it.`,
  dismissed: ({ reference }) => `Someone decided that ${reference} is not sent.`,
  'amount-unknown': ({ reference }) =>
    `Dojo has not said yet how much it took for ${reference}. Run reconcile, then try again.`,
  'not-paid': ({ reference, status }) => `No money is kept for ${reference}: it is ${status}.`,
};

async function ship({ store, now }: Context, before: Order, options: ChangeOptions) {
  const { carrier = null, trackingUrl = null } = options;
  const shipped = await store.shipOrder(before.id, { carrier, trackingUrl, sentAt: now() });
  if (shipped.kind === 'sent') return { done: 'Recorded as sent.\n', order: shipped.order };
  // The other outcomes are of signed requests.
  if (!('order' in shipped)) throw new Error(`The answer was ${shipped.kind}.`);
  throw new CommandError(shipRefusals[shipped.kind](shipped.order));
}

async function undo(context: Context, before: Order) {
  if (findUndoable(before, null).length === 0)
    throw new CommandError(`${before.reference} has nothing left to return: it is ${before.status}.`);
  const request = { id: randomUUID(), payment: null, reason: 'Undone by the shop' };
  const { order, payments } = await advising(refundAdvice, () => undoOrder(context, before, request));
  return { done: describeUndone(order, payments), order };
}

/** A line for each payment. Throws the same as a refusal if one of them could not be undone. */
function describeUndone(order: Order, payments: readonly UndonePayment[]): string {
  const lines = payments.map(({ number, amount, how, kind }) =>
    kind === 'done'
      ? `Payment ${number}: ${how} ${formatIn(order, amount)}.\n`
      : `Payment ${number}: ${formatIn(order, amount)} not returned. ${undoRefusals[kind](order)}\n`,
  );
  if (payments.some(({ kind }) => kind !== 'done')) throw new CommandError(lines.join('').trimEnd());
  return lines.join('');
}

/** An undo asks for all that is left, so too much means that a refund is on its way. */
const undoRefusals: typeof refundRefusals = { ...refundRefusals, 'too-much': refundRefusals.stale };

async function decide(
  context: Context,
  order: Order,
  options: ChangeOptions & { readonly action: DecisionAction },
) {
  const { action, hold, payment = null, reason = '' } = options;
  const standing = standingHolds(order);
  const names = Object.keys(standing) as Hold[];
  if (names.length === 0) throw new CommandError(`${order.reference} is not held: it is ${order.status}.`);
  if (hold === undefined && names.length > 1)
    throw new CommandError(`Several holds stand: ${names.join(', ')}. Say which you settle with --hold.`);
  if (payment !== null && action !== 'refund')
    throw new CommandError('--payment goes with refund.', exitCodes.usage);
  const chosen = [...new Set(hold ?? names)];
  const absent = chosen.filter((name) => standing[name] === undefined);
  if (absent.length > 0)
    throw new CommandError(
      `${order.reference} is not held for ${absent.join(', ')}, but for ${names.join(', ')}.`,
    );
  const settles = Object.fromEntries(chosen.map((name) => [name, standing[name]]));
  const decidedBy = `command line (${userInfo().username})`;
  const decision = { id: randomUUID(), action, payment, reason, settles, decidedBy };
  const decided = await advising(refundAdvice, () => decideHold(context, order, decision));
  if (decided.kind === 'stale')
    throw new CommandError(`Something happened to ${order.reference} meanwhile. Look at it, then decide.`);
  const undone = describeUndone(decided.order, decided.payments);
  const { settled } = decided;
  const outcome =
    settled.length > 0
      ? `Settled: ${settled.join(', ')}.\n`
      : 'Decided; the hold stands until Dojo shows the money gone.\n';
  return { done: `${undone}${outcome}`, order: decided.order };
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

function totalOf(order: Order): string {
  return formatIn(order, order.basket.total);
}

function formatKept(order: Order): string {
  return formatIn(order, orderMoney(order).kept);
}

function listKept(order: Order): string {
  return orderMoney(order)
    .payments.filter(({ kept }) => kept > 0)
    .map(({ kept, payment: { number } }) => `payment ${number}: ${formatIn(order, kept)}`)
    .join(', ');
}

function formatIn({ basket: { currencyCode } }: Order, value: number): string {
  return formatMoney({ value, currencyCode });
}
