import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CreateBody, createdReply } from './created-reply.ts';

export type Answer = (res: ServerResponse, body: CreateBody, req: IncomingMessage) => void;

/** A real server in Dojo's place. It gives the answers in turn, and repeats the last one. */
export async function startFaultyDojo(...answers: Answer[]) {
  const asked: CreateBody[] = [];
  const server: Server = createServer(async (req, res) => {
    let text = '';
    for await (const chunk of req) text += chunk;
    const body = text === '' ? ({} as CreateBody) : (JSON.parse(text) as CreateBody);
    const answer = answers[Math.min(asked.length, answers.length - 1)];
    asked.push(body);
    answer?.(res, body, req);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** As at Dojo, each attempt has an intent of its own. */
function intentIdOf(body: CreateBody): string {
  return `pi_sandbox_${body.reference}_${body.metadata.attempt}`;
}

export const creates: Answer = (res, body) => {
  res.setHeader('content-type', 'application/json').end(JSON.stringify(createdReply(body, intentIdOf(body))));
};
export const neverAnswers: Answer = () => undefined;
export const cutsTheConnection: Answer = (res) => res.destroy();
export const drips: Answer = (res) => {
  res.writeHead(200, { 'content-type': 'application/json' });
  const drip = setInterval(() => res.write(' '), 100);
  res.once('close', () => clearInterval(drip));
};
export const floods: Answer = (res) => {
  res.writeHead(200, { 'content-type': 'application/json' });
  const block = Buffer.alloc(1024 * 1024, 'x');
  let blocks = 0;
  const pour = () => {
    while (blocks < 64) {
      blocks += 1;
      if (!res.write(block)) {
        res.once('drain', pour);
        return;
      }
    }
    res.end();
  };
  pour();
};
