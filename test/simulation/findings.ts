import type { Hold } from '../../src/shop/decision.ts';
import type { Order } from '../../src/shop/order.ts';
import type { MessageType } from '../../src/shop/order-messages.ts';
import { orderMoney } from '../../src/shop/order-money.ts';
import type { PaymentIntent } from '../../src/simulator/state/payment-intent.ts';
import { allOrders, type World } from './act.ts';
import { firstMoneyAt, isForeign, isOfPortal, moneyOf } from './ledger.ts';

type Must = (isTrue: boolean, rule: string) => void;
/** An order, and what Dojo has for it. */
type Told = { readonly order: Order; readonly intents: readonly PaymentIntent[] };

/** A sentence for each rule of money that is broken once all is quiet. */
export async function findProblems(world: World): Promise<string[]> {
  const problems: string[] = [];
  const ledger = world.scenario.simulator.paymentIntents();
  const ours = ledger.filter((intent) => !isForeign(intent));
  const told: Told[] = (await allOrders(world)).map((order) => ({
    order,
    intents: ours.filter(({ request }) => request.reference === order.reference),
  }));
  for (const each of told) {
    const { reference, status, holds } = each.order;
    const must: Must = (isTrue, rule) => {
      if (!isTrue) problems.push(`${reference} (${status}, holds: ${holds.join(' ') || 'none'}): ${rule}.`);
    };
    checkMoney(must, each);
    checkRefunds(must, each);
    checkEnd(must, each);
    checkHolds(must, world, each);
    await checkMessages(must, world, each);
    const links = world.links.get(each.order.id) ?? new Set();
    must(links.size <= 1, `shoppers were shown ${links.size} links`);
  }
  const must: Must = (isTrue, rule) => {
    if (!isTrue) problems.push(rule);
  };
  checkChains(must, world, told);
  checkForeign(must, ledger);
  must(
    ours.every(({ request }) => told.some(({ order }) => order.reference === request.reference)),
    'Dojo has an intent without an order.',
  );
  const { different } = await world.scenario.context.store.checkReplay();
  must(different.length === 0, `Replay yields different orders: ${different.join(', ')}.`);
  return problems;
}

/** To the penny, payment by payment. An intent that no payment has must have no money. */
function checkMoney(must: Must, { order, intents }: Told): void {
  const { payments } = orderMoney(order);
  for (const intent of intents) {
    const dojo = moneyOf(intent);
    const own = payments.filter(({ payment }) => payment.paymentIntentId === intent.id);
    must(own.length <= 1, 'an intent is stored twice');
    const here = own[0] ?? { received: 0, returned: 0, kept: 0 };
    for (const name of ['received', 'returned', 'kept'] as const)
      must(
        here[name] === dojo[name],
        `of ${intent.id} Dojo ${name} ${dojo[name]}, the shop says ${here[name]}`,
      );
  }
  const known = payments.filter(({ payment }) => intents.some(({ id }) => id === payment.paymentIntentId));
  const elsewhere = payments.filter((each) => !known.includes(each));
  must(
    elsewhere.every(({ received }) => received === 0),
    'money was received without an intent',
  );
}

/** Dojo moved each refund of ours once, with the amount that was stored, and none is left open. */
function checkRefunds(must: Must, told: Told): void {
  const { order, intents } = told;
  must(
    order.refunds.every(({ state }) => state === 'done'),
    'a refund is still under way after a day',
  );
  const moved = intents.flatMap(({ refunds }) => refunds);
  const stored = order.refunds.filter(({ kind }) => kind === 'refund');
  const isMoved = stored.every(
    ({ id, amount }) =>
      moved.filter((refund) => id === refund.idempotencyKey && amount === refund.amount).length === 1,
  );
  must(isMoved, 'a refund that the shop counts as made was not');
  must(
    findDisowned(told).length === 0 ||
      order.sentAt !== null ||
      isStandingOrSettled(told, 'refunded_before_fulfilment'),
    'Dojo made a refund that the shop does not know, and it is not held',
  );
}

/**
 * Refunds whose answer was lost, and whose repetition Dojo refused. The shop takes them for refused and their money for
 * money that went back in the portal: a person sees them.
 */
function findDisowned({ order, intents }: Told): readonly PaymentIntent['refunds'][number][] {
  const isOurs = (key: string) => order.refunds.some(({ id }) => id === key);
  return intents.flatMap(({ refunds }) =>
    refunds.filter((refund) => !isOfPortal(refund) && !isOurs(refund.idempotencyKey)),
  );
}

/** The status by the table of money-rules, written a second time and from Dojo's ledger alone. */
function statusesOf({ order, intents }: Told): readonly string[] {
  const sum = (name: 'received' | 'returned' | 'kept') =>
    intents.reduce((total, intent) => total + moneyOf(intent)[name], 0);
  const [kept, received, returned] = [sum('kept'), sum('received'), sum('returned')];
  const isReserved = intents.some(({ status }) => status === 'Authorized');
  if (kept > 0) return [returned > 0 && kept < Math.min(order.total, received) ? 'partly_refunded' : 'paid'];
  if (isReserved) return ['authorized'];
  if (intents.some(({ refunds }) => refunds.length > 0)) return ['refunded'];
  if (intents.some(({ status }) => status === 'Reversed')) return ['reversed'];
  // Whether the shop gave it up or heard of its end first, Dojo does not know.
  return order.attempts.some(({ hasIntent }) => hasIntent) ? ['canceled', 'expired'] : ['placed'];
}

function checkEnd(must: Must, told: Told): void {
  const allowed = statusesOf(told);
  must(allowed.includes(told.order.status), `should be ${allowed.join(' or ')}`);
  must(
    told.intents.every(({ status, isExpired }) => status !== 'Created' || isExpired),
    'can still be paid after a day',
  );
}

function checkHolds(must: Must, world: World, told: Told): void {
  const { order, intents } = told;
  const paid = intents.filter((intent) => moneyOf(intent).received > 0);
  const isHeld = (hold: Hold) => isStandingOrSettled(told, hold);
  must(paid.length < 2 || isHeld('paid_twice'), 'paid twice, and not held');
  must(paid.length > 1 || !order.holds.includes('paid_twice'), 'held as paid twice, and was not');

  const shown = order.attempts.filter(({ hasIntent }) => hasIntent).map((payment) => payment.paymentIntentId);
  const isUnseen = paid.some(({ id }) => !shown.includes(id));
  must(
    !isUnseen || isHeld('late_payment') || isHeld('amount_mismatch') || isHeld('captured_after_cancel'),
    'paid by a link that no one was shown, and not held',
  );

  const isOfPortalAlone = order.refunds.length === 0 && order.sentAt === null;
  const isReturned = intents.some((intent) => world.inPortal.has(intent.id) && moneyOf(intent).returned > 0);
  must(
    !isReturned || !isOfPortalAlone || isHeld('refunded_before_fulfilment'),
    'refunded in the portal, and not held',
  );
  must(
    isReturned || findDisowned(told).length > 0 || !order.holds.includes('refunded_before_fulfilment'),
    'held for a refund that the shop itself made',
  );
}

/** A decision ends a hold; a refund ends it only once the money is gone. */
function isStandingOrSettled({ order, intents }: Told, hold: Hold): boolean {
  const isGone = (number: number | null) =>
    order.attempts
      .filter((payment) => number === null || payment.number === number)
      .every(({ paymentIntentId }) =>
        intents.every((intent) => intent.id !== paymentIntentId || moneyOf(intent).kept === 0),
      );
  const isSettled = order.decisions.some(
    ({ action, payment, settles }) => hold in settles && (action !== 'refund' || isGone(payment)),
  );
  return order.holds.includes(hold) || isSettled;
}

/** Of each fact the merchant's system has one message, and none of what did not happen. */
async function checkMessages(must: Must, { scenario }: World, { order, intents }: Told): Promise<void> {
  const { reference: orderReference, isDue, sentAt } = order;
  const messages = await scenario.context.store.listMessages({ orderReference, state: null });
  const count = (type: MessageType) => messages.filter((message) => message.type === type).length;
  const paid = intents.filter((intent) => moneyOf(intent).received > 0);
  const isReturned = intents.some((intent) => moneyOf(intent).returned > 0);
  must(count('order.paid') === paid.length, `${count('order.paid')} messages say that it was paid`);
  must(count('order.due') > 0 === isDue, 'the message that it is due does not agree');
  must(count('order.sent') === Number(sentAt !== null), 'the message that it was sent does not agree');
  must(count('order.refunded') > 0 === isReturned, 'the message that money went back does not agree');
  must(
    messages.every(({ number }, index) => number === index + 1),
    'the numbers of its messages have a gap',
  );
}

/** A shopper whose newer order took an unpaid one's place, and who paid both, is seen by a person. */
function checkChains(must: Must, { earlierKeys }: World, told: readonly Told[]): void {
  const find = (key: string) => told.find(({ order }) => order.checkoutKey === key);
  const keeps = ({ intents }: Told) => intents.some((intent) => moneyOf(intent).kept > 0);
  for (const [key, earlier] of earlierKeys) {
    const newer = find(key);
    for (const older of earlier.map(find)) {
      if (newer === undefined || older === undefined || !keeps(newer) || !keeps(older)) continue;
      const wasPaid = older.intents.some((intent) => {
        const paidAt = firstMoneyAt(intent);
        return paidAt !== null && paidAt < newer.order.createdAt;
      });
      const isSeen = [older, newer].some((each) => isStandingOrSettled(each, 'paid_again_by_shopper'));
      must(
        wasPaid || isSeen,
        `${older.order.reference} and ${newer.order.reference}: one shopper paid both, and neither is held.`,
      );
    }
  }
}

/** The shop neither cancels nor moves money of intents that are not its own. */
function checkForeign(must: Must, ledger: readonly PaymentIntent[]): void {
  for (const intent of ledger.filter(isForeign)) {
    must(intent.status !== 'Canceled' || intent.isExpired, `${intent.id} of another shop was cancelled.`);
    must(intent.refunds.every(isOfPortal), `${intent.id} of another shop was refunded.`);
  }
}
