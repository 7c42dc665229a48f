import nock from 'nock';
import { dojoUrl } from './shop.ts';

/** What Dojo was asked to create. */
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

/** The reply to a create call, in the shape of Dojo's own examples, valid unless a member is replaced. */
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

/** Dojo creates what it is asked for, once per call of this; gives what it was asked. */
export function dojoCreates(id = 'pi_sandbox_T1', members: DojoReply = {}): { asked: CreateBody[] } {
  const asked: CreateBody[] = [];
  nock(dojoUrl)
    .post('/payment-intents')
    .reply(200, async (request: Request) => {
      const body = (await request.json()) as CreateBody;
      asked.push(body);
      return createdReply(body, id, members);
    });
  return { asked };
}

/** Dojo answers a create call with this, once. */
export function dojoAnswers(
  status: number,
  body?: nock.Body,
  headers: Record<string, string> = {},
): nock.Scope {
  return nock(dojoUrl).post('/payment-intents').reply(status, body, headers);
}
