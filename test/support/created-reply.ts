/** The body of a create call. */
export type CreateBody = {
  amount: { value: number; currencyCode: string };
  reference: string;
  description: string;
  metadata: Record<string, string>;
  config: { redirectUrl: string; cancelUrl: string };
  expireAt: string;
  [member: string]: unknown;
};

export type DojoReply = Record<string, unknown>;

/** Dojo's reply to a create call, valid unless a member is replaced. */
export function createdReply(body: CreateBody, id = 'pi_sandbox_T1', members: DojoReply = {}): DojoReply {
  return {
    id,
    captureMode: 'Auto',
    status: 'Created',
    paymentMethods: ['Card'],
    amount: body.amount,
    totalAmount: body.amount,
    refundedAmount: 0,
    createdAt: '2026-11-22T10:00:00.1234567Z',
    updatedAt: '2026-11-22T10:00:00.1234567Z',
    expireAt: body.expireAt,
    reference: body.reference,
    metadata: { ...body.metadata, 'location-id': 'rpl_test' },
    paymentSource: 'api',
    paymentEvents: [],
    paymentLink: `https://pay.dojo.test:443/checkout/${id}`,
    ...members,
  };
}
