export const orderStatuses = [
  'refunded',
  'reversed',
  'partly_refunded',
  'paid',
  'authorized',
  'expired',
  'canceled',
  'awaiting_payment',
  'placed',
] as const;
export type OrderStatus = (typeof orderStatuses)[number];
