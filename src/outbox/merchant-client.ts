import { Webhook } from 'standardwebhooks';
import { Agent, request } from 'undici';

/** The merchant's system, notified over HTTP by signed webhooks (standardwebhooks.com). */
export type MerchantClient = {
  /** True if it answered 2xx. A repeat has the same id, so that the receiver can recognise it. Never throws. */
  notify(notification: {
    id: string;
    sentAt: Date;
    payload: unknown;
  }): Promise<{ isTaken: boolean; answer: string }>;
  close(): Promise<void>;
};

const timeoutMs = 15_000;

/** `secret` is `whsec_` and Base64, as Standard Webhooks has it. Throws if it is not. */
export function createMerchantClient(options: { url: string; secret: string }): MerchantClient {
  const signer = new Webhook(options.secret);
  const agent = new Agent({ connections: 4, allowH2: false, maxResponseSize: 64 * 1024 });

  return {
    async notify({ id, sentAt, payload }) {
      const body = JSON.stringify(payload);
      try {
        const response = await request(options.url, {
          dispatcher: agent,
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'webhook-id': id,
            'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
            'webhook-signature': signer.sign(id, sentAt, body),
          },
          body,
          signal: AbortSignal.timeout(timeoutMs),
        });
        await response.body.dump();
        const { statusCode } = response;
        return { isTaken: statusCode >= 200 && statusCode < 300, answer: String(statusCode) };
      } catch (error) {
        return { isTaken: false, answer: error instanceof Error ? error.message : String(error) };
      }
    },
    close: () => agent.close(),
  };
}
