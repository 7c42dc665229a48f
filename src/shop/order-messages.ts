import type { Customer } from './customer.ts';
import type { Hold } from './decision.ts';
import type { Money } from './money.ts';
import type { Order, OrderFacts } from './order.ts';
import type { NewsKind } from './order-news.ts';
import type { OrderStatus } from './order-status.ts';

export type MessageType = `order.${NewsKind}`;

/**
 * - `waiting`: to be sent, or on its way
 * - `delivered`: the merchant's system answered 2xx
 * - `dropped`: no longer true when it was to be sent
 * - `abandoned`: refused for too long
 */
export const messageStates = ['waiting', 'delivered', 'dropped', 'abandoned'] as const;
export type MessageState = (typeof messageStates)[number];

/** Something that the merchant's system is to hear. The numbers of an order's messages grow in the order in which they are sent. */
export type Message = {
  readonly orderId: number;
  readonly orderReference: string;
  readonly number: number;
  readonly type: MessageType;
  /** What was true when it was written. */
  readonly data: unknown;
  readonly createdAt: Date;
};

/** Names a message for its receiver, however often it is sent. */
export function messageIdOf({ orderReference, number }: Pick<Message, 'orderReference' | 'number'>): string {
  return `msg_${orderReference}_${number}`;
}

/** Null if the text is no id of a message. */
export function parseMessageId(text: string): Pick<Message, 'orderReference' | 'number'> | null {
  const [, orderReference, number] = /^msg_(ORD-[0-9A-Z]{5}-[0-9A-Z]{6})_([1-9]\d{0,8})$/.exec(text) ?? [];
  return orderReference === undefined ? null : { orderReference, number: Number(number) };
}

/** Ids and amounts; nothing personal. */
export type MessageData = {
  readonly reference: string;
  readonly status: OrderStatus;
  readonly holds: readonly Hold[];
  readonly total: Money;
  readonly received: Money;
  readonly returned: Money;
};

export function messageDataOf(order: OrderFacts): MessageData {
  const { reference, status, holds, total, received, returned, currencyCode } = order;
  const money = (value: number): Money => ({ value, currencyCode });
  return {
    reference,
    status,
    holds,
    total: money(total),
    received: money(received),
    returned: money(returned),
  };
}

/** What is sent. Whoever packs an order needs what is in it, as things are at that moment. */
export function messageBodyOf(message: Message, order: Order, customer: Customer | null): unknown {
  return {
    type: message.type,
    version: 1,
    id: messageIdOf(message),
    timestamp: message.createdAt.toISOString(),
    data:
      message.type === 'order.due'
        ? { ...messageDataOf(order), ...recipientOf(order, customer) }
        : message.data,
  };
}

function recipientOf({ basket: { lines, delivery, currencyCode } }: Order, customer: Customer | null) {
  const { delivery: address = null, ...contact } = customer ?? {};
  return {
    customer: customer && contact,
    delivery: delivery && {
      caption: delivery.caption,
      amount: { value: delivery.amount, currencyCode },
      ...address,
    },
    items: lines.map(({ sku, name, quantity }) => ({ sku, name, quantity })),
  };
}

/**
 * True if the merchant's system is to hear again that an order is due: it never heard so, or something has been in the
 * way since. A refund of a part is not, once the message was delivered: it would be packed twice.
 */
export function isDueAgain(
  earlier: readonly { readonly type: string; readonly state: MessageState }[],
): boolean {
  const last = earlier.findLast(({ type }) => type === 'order.due' || type === 'order.held');
  return (
    last === undefined || last.type === 'order.held' || last.state === 'dropped' || last.state === 'abandoned'
  );
}
