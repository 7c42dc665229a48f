import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { type CanceledOrder, cancelOrder } from '../checkout/cancel-order.ts';
import { type CapturedOrder, captureOrder } from '../checkout/capture-order.ts';
import { decideHold } from '../checkout/decide-hold.ts';
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
import { logEvent } from '../log.ts';
import type { DecisionAction, Hold } from '../shop/decision.ts';
import { standingHolds } from '../shop/holds.ts';
import { formatMoney } from '../shop/money.ts';
import type { Order } from '../shop/order.ts';
import { orderMoney } from '../shop/order-money.ts';
import type { ShipRefusal } from '../shop/shipment.ts';
import { CommandError, describeDojoError, exitCodes } from './command-error.ts';
import type { PrintOptions } from './shell.ts';

/** All options that a command which changes an order may have. */
export type ChangeOptions = PrintOptions & {
  /** Minor units. */
  readonly amount?: number;
  readonly reason?: string;
  /** The number of a payment. */
  readonly payment?: number;
  readonly hold?: readonly Hold[];
  readonly carrier?: string;
  readonly trackingUrl?: string;
};

/** Throws `CommandError` for a refusal. */
export type Change = (
  context: Context,
  order: Order,
  options: ChangeOptions,
) => Promise<{ readonly done: string; readonly order: Order }>;

type Refusals<Kind extends string, Done extends Kind> = Readonly<
  Record<Exclude<Kind, Done>, (order: Order) => string>
>;

export async function refresh(context: Context, before: Order) {
  return { done: '', order: await settleOrder(context, before) };
}

const cancelRefusals: Refusals<CanceledOrder['kind'], 'canceled'> = {
  'too-late': ({ reference, status, holds }) =>
    `Too late to cancel ${reference}: the shopper has paid. It is ${status}, and held for you: ${holds.join(', ')}.`,
  'not-open': ({ reference, status }) => `${reference} cannot be cancelled: it is ${status}.`,
  unknown: ({ reference }) => `Dojo still calls ${reference} open. The shop tries again.`,
};

export async function cancel(context: Context, before: Order) {
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

export async function capture(context: Context, before: Order, { amount }: ChangeOptions) {
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

export async function refund(context: Context, before: Order, options: ChangeOptions) {
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

export async function ship({ store, now }: Context, before: Order, options: ChangeOptions) {
  const { carrier = null, trackingUrl = null } = options;
  const shipped = await store.shipOrder(before.id, { carrier, trackingUrl, sentAt: now() });
  if (shipped.kind === 'sent') return { done: 'Recorded as sent.\n', order: shipped.order };
  // The other outcomes are of signed requests.
  if (!('order' in shipped)) throw new Error(`The answer was ${shipped.kind}.`);
  throw new CommandError(shipRefusals[shipped.kind](shipped.order));
}

export async function undo(context: Context, before: Order) {
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

export async function decide(
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

export async function erase({ store, log, now }: Context, before: Order) {
  const order = await store.eraseCustomer(before.id, now());
  logEvent(log, 'customersErased', { orderReference: order.reference, orders: 1 });
  const warning = order.mayShip
    ? `${order.reference} was not sent, and now no one can tell where it goes.\n`
    : '';
  return { done: `Erased who it is for.\n${warning}`, order };
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
