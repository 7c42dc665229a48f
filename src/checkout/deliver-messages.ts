import type { Context } from '../context.ts';
import { logEvent } from '../log.ts';
import type { MerchantClient } from '../outbox/merchant-client.ts';
import { messageBodyOf, messageIdOf } from '../shop/order-messages.ts';
import { claimUntil, nextMessageTry } from '../shop/schedule.ts';
import type { ClaimedMessage } from '../store/order-store.ts';

/** So that one order whose messages take long delays no other. */
const atOnce = 4;

type Needs = Pick<Context, 'store' | 'now' | 'log'>;

/**
 * Sends the messages that are due to the merchant's system, those of one order one after another, each at least once and
 * until it answers 2xx. Resolves to how many it accepted. Any number of processes may do so at once.
 */
export async function deliverMessages(
  context: Needs,
  merchant: MerchantClient,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  const lanes = Array.from({ length: atOnce }, () => deliverInTurn(context, merchant, signal));
  const ended = await Promise.allSettled(lanes);
  const failed = ended.find((lane) => lane.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return ended.reduce((sum, lane) => sum + (lane.status === 'fulfilled' ? lane.value : 0), 0);
}

async function deliverInTurn(context: Needs, merchant: MerchantClient, signal: AbortSignal): Promise<number> {
  for (let delivered = 0; ; ) {
    if (signal.aborted) return delivered;
    const now = context.now();
    const message = await context.store.claimMessage(now, claimUntil(now));
    if (message === null) return delivered;
    if (await deliver(context, merchant, message, signal)) delivered += 1;
  }
}

async function deliver(
  context: Needs,
  merchant: MerchantClient,
  message: ClaimedMessage,
  signal: AbortSignal,
): Promise<boolean> {
  const { tries, orderReference, type: messageType } = message;
  const messageId = messageIdOf(message);
  const logged = { orderReference, messageId, messageType };
  if (messageType === 'order.due' && !(await context.store.confirmDue(message, context.now()))) {
    logEvent(context.log, 'messageDropped', logged);
    return false;
  }
  const sentAt = context.now();
  // Read at the last moment: no personal data is kept in a message.
  const customer = messageType === 'order.due' ? await context.store.findCustomer(message.order.id) : null;
  const body = messageBodyOf(message, message.order, customer);
  const { isTaken, ...answered } = await merchant.send({ id: messageId, sentAt, body }, signal);
  const nextTryAt = isTaken ? null : nextMessageTry(context.now(), tries);
  const state = isTaken ? 'delivered' : nextTryAt === null ? 'abandoned' : 'waiting';
  await context.store.endTry(message, { state, nextTryAt, sentAt, ...answered }, context.now());
  if (!isTaken) {
    const event = nextTryAt === null ? 'messageAbandoned' : 'messageFailed';
    logEvent(context.log, event, { ...logged, answer: answered.answer, tries, nextTryAt });
  }
  return isTaken;
}
