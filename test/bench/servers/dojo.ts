import { createServer } from 'node:http';
import { type CreateBody, createdReply } from '../../support/created-reply.ts';
import { checkoutOrigin } from '../names.ts';
import { serve } from './ready.ts';

// A server in Dojo's place: one new intent for each call, answered after ANSWER_AFTER_MS, or not at all if that is `never`.

const waitMs = process.env.ANSWER_AFTER_MS === 'never' ? null : Number(process.env.ANSWER_AFTER_MS);
let created = 0;

serve(
  createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      if (waitMs === null) return;
      const body = JSON.parse(Buffer.concat(chunks).toString()) as CreateBody;
      const id = `pi_sandbox_dojo_${process.pid}_${++created}`;
      const reply = createdReply(body, id, { paymentLink: `${checkoutOrigin}/checkout/${id}` });
      setTimeout(() => {
        const text = JSON.stringify(reply);
        res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
        res.end(text);
      }, waitMs);
    });
  }),
);
