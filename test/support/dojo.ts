import nock from 'nock';
import { type CreateBody, createdReply, type DojoReply } from './created-reply.ts';
import { dojoUrl } from './shop.ts';

/** Dojo creates one intent for each call of this. Returns what it was asked for. */
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

/** Dojo answers one create call with this. */
export function dojoAnswers(
  status: number,
  body?: nock.Body,
  headers: Record<string, string> = {},
): nock.Scope {
  return nock(dojoUrl).post('/payment-intents').reply(status, body, headers);
}
