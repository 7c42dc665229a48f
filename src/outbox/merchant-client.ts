import { Webhook } from 'standardwebhooks';
import { Agent, request } from 'undici';

/** The merchant's system, which hears of orders by signed webhooks (standardwebhooks.com). */
export type MerchantClient = {
  /** True if it answered 2xx. A repeat has the same id, so that the receiver can recognise it. Never throws. */
  send(
    message: { readonly id: string; readonly sentAt: Date; readonly body: unknown },
    signal: AbortSignal,
  ): Promise<{ isTaken: boolean; answer: string; latencyMs: number }>;
  close(): Promise<void>;
};

const timeoutMs = 15_000;

/** `secret` is `whsec_` and Base64, as Standard Webhooks has it. Throws if it is not. */
export function createMerchantClient(options: { url: string; secret: string }): MerchantClient {
  const signer = new Webhook(options.secret);
  const agent = new Agent({ connections: 4, allowH2: false, maxResponseSize: 64 * 1024 });

  async function post(id: string, sentAt: Date, body: string, signal: AbortSignal) {
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
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      await response.body.dump();
      const { statusCode } = response;
      return { isTaken: statusCode >= 200 && statusCode < 300, answer: String(statusCode) };
    } catch (error) {
      return { isTaken: false, answer: error instanceof Error ? error.message : String(error) };
    }
  }

  return {
    async send({ id, sentAt, body }, signal) {
      const begun = performance.now();
      const outcome = await post(id, sentAt, JSON.stringify(body), signal);
      return { ...outcome, latencyMs: Math.round(performance.now() - begun) };
    },
    close: () => agent.close(),
  };
}
