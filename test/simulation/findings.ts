import type { Order } from '../../src/shop/order.ts';
import type { MessageType } from '../../src/shop/order-messages.ts';
import { isTaken } from '../../src/shop/order-money.ts';
import type { PaymentIntent } from '../../src/simulator/state/payment-intent.ts';
import type { Scenario } from '../support/scenario.ts';
import { allOrders, type Seen } from './simulation.ts';

/** A sentence for each rule of money that is broken once all is quiet. */
export async function findProblems(scenario: Scenario, seen: Seen): Promise<string[]> {
  const problems: string[] = [];
  const must = (isTrue: boolean, rule: string) => {
    if (!isTrue) problems.push(rule);
  };
  const ledger = scenario.simulator.paymentIntents();
  const orders = await allOrders(scenario);

  for (const order of orders) {
    const name = `${order.reference} (${order.status}, holds: ${order.holds.join(' ') || 'none'})`;
    const intents = ledger.filter((intent) => intent.request.reference === order.reference);
    const taken = intents.filter(hasTakenMoney);
    const attempts = order.attempts.filter((attempt) => attempt.facts.captured);
    must(
      taken.length === attempts.length,
      `${name}: Dojo took money ${taken.length} times, the store says ${attempts.length}.`,
    );
    must(
      new Set(intents.map((intent) => intent.id)).size === intents.length,
      `${name}: an intent is stored twice.`,
    );

    const backAtDojo = intents.reduce((sum, intent) => sum + refunded(intent), 0);
    const backHere = order.attempts.reduce((sum, attempt) => sum + attempt.facts.refundedAmount, 0);
    must(backAtDojo === backHere, `${name}: Dojo gave ${backAtDojo} back, the store says ${backHere}.`);
    must(taken.length < 2 || order.holds.includes('paid_twice'), `${name}: paid twice, and not held.`);

    const isReversed = intents.some((intent) => intent.status === 'Reversed');
    const kept = taken.length * order.basket.total - backAtDojo;
    if (taken.length === 1 && !isReversed) {
      const status = backAtDojo === 0 ? 'paid' : kept === 0 ? 'refunded' : 'partly_refunded';
      must(order.status === status, `${name}: should be ${status}.`);
    }
    if (isReversed)
      must(order.status === 'reversed' || order.status === 'refunded', `${name}: was reversed at Dojo.`);
    if (taken.length === 0) {
      must(!['paid', 'refunded', 'partly_refunded'].includes(order.status), `${name}: no money came.`);
      const isOver =
        order.attempts.every((attempt) => !attempt.hasIntent) ||
        ['canceled', 'expired'].includes(order.status);
      must(isOver || isReversed, `${name}: unpaid and still open after a day.`);
      must(
        intents.every((intent) => intent.status !== 'Created'),
        `${name}: can still be paid after a day.`,
      );
    }
    await findMessageProblems(scenario, order, (isTrue, rule) => must(isTrue, `${name}: ${rule}`));
    const links = seen.links.get(order.id) ?? new Set();
    must(links.size <= 1, `${name}: shoppers were shown ${links.size} links.`);
  }
  must(
    ledger.every((intent) => orders.some((order) => order.reference === intent.request.reference)),
    'Dojo has an intent without an order.',
  );
  for (const { orderId, status, holds } of seen.shipped) {
    must(
      ['paid', 'partly_refunded'].includes(status) && holds === 0,
      `Order ${orderId} was shipped while ${status} with ${holds} holds.`,
    );
  }
  must(
    new Set(seen.shipped.map(({ orderId }) => orderId)).size === seen.shipped.length,
    'An order was shipped twice.',
  );

  const { different } = await scenario.context.store.checkReplay();
  must(different.length === 0, `Replay yields different orders: ${different.join(', ')}.`);
  return problems;
}

/** Of each fact the merchant's system has one message, and none of what did not happen. */
async function findMessageProblems(
  { context }: Scenario,
  { reference: orderReference, ...order }: Order,
  must: (isTrue: boolean, rule: string) => void,
): Promise<void> {
  const messages = await context.store.listMessages({ orderReference, state: null });
  const count = (type: MessageType) => messages.filter((message) => message.type === type).length;
  const taken = order.attempts.filter(isTaken).length;
  must(count('order.paid') === taken, `paid ${taken} times, with ${count('order.paid')} messages.`);
  must(count('order.due') > 0 === order.isDue, 'the message that it is due does not agree.');
  must(count('order.sent') === Number(order.sentAt !== null), 'the message that it was sent does not agree.');
  must(
    count('order.refunded') > 0 === order.returned > 0,
    `${order.returned} went back, with ${count('order.refunded')} messages.`,
  );
  must(
    messages.every(({ number }, index) => number === index + 1),
    'the numbers of its messages have a gap.',
  );
}

function hasTakenMoney(intent: PaymentIntent): boolean {
  return intent.events.some((event) => event.type === 'Captured');
}

function refunded(intent: PaymentIntent): number {
  return intent.refunds.reduce((sum, refund) => sum + refund.amount, 0);
}
