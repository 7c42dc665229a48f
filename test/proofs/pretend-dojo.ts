import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CreateBody, createdReply, type DojoReply } from '../support/created-reply.ts';
import { createRandom } from '../support/random.ts';

const slowestMs = 12;

/** A server in Dojo's place that outlives the shop. It creates an intent for each call and answers after some milliseconds. */
export async function startPretendDojo(seed: number) {
  const random = createRandom(seed);
  const intents = new Map<string, DojoReply>();

  const server = createServer(async (req, res) => {
    let text = '';
    for await (const chunk of req) text += chunk;
    const path = (req.url ?? '').replace(/\?.*$/, '').replace(/\/$/, '');
    if (req.method === 'POST' && path === '/payment-intents') {
      const body = JSON.parse(text) as CreateBody;
      const id = `pi_sandbox_${intents.size + 1}`;
      const intent = createdReply(body, id);
      intents.set(id, intent);
      await sleep(random.below(slowestMs));
      answer(res, 200, intent);
      return;
    }
    if (req.method === 'POST' && path === '/payment-intents/search') {
      answer(res, 200, { data: [], before: null, after: null });
      return;
    }
    const intent = intents.get(path.replace('/payment-intents/', ''));
    if (intent !== undefined && req.method === 'DELETE') intent.status = 'Canceled';
    if (intent === undefined) answer(res, 404, { title: 'Not found', status: 404 });
    else answer(res, 200, intent);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    created: () => intents.size,
    /** What a later observation of the intent shows. */
    setStatus(id: string, status: string): void {
      const intent = intents.get(id);
      if (intent === undefined) throw new Error(`Dojo never created ${id}.`);
      intent.status = status;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(res: ServerResponse, status: number, body: DojoReply): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
