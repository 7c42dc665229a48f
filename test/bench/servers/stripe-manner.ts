import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import express from 'express';
import { secrets } from '../names.ts';
import { serve } from './ready.ts';

// Does what the sample servers in Stripe's documentation do, in code of our own: checks the signature, prints a line, and stores
// nothing.

const toleranceSeconds = 300;
const app = express();
app.use(express.static(import.meta.dirname));
app.post('/webhook', express.raw({ type: 'application/json' }), (req, res) => {
  const event = readSigned(req.body, String(req.headers['stripe-signature']));
  if (event === null) {
    process.stdout.write('The signature is wrong.\n');
    res.sendStatus(400);
    return;
  }
  if (event.type === 'payment_intent.succeeded') process.stdout.write('The payment was captured.\n');
  res.sendStatus(200);
});
serve(createServer(app));

function readSigned(body: Buffer, header: string): { type: string } | null {
  const payload = new TextDecoder('utf8').decode(body);
  const parts = header.split(',').map((part) => part.split('='));
  const timestamp = Number(parts.find(([name]) => name === 't')?.[1]);
  const signatures = parts.filter(([name]) => name === 'v1').map(([, value]) => value ?? '');
  const wanted = createHmac('sha256', secrets.stripe).update(`${timestamp}.${payload}`, 'utf8').digest('hex');
  if (!signatures.some((signature) => isEqual(signature, wanted))) return null;
  if (Math.floor(Date.now() / 1000) - timestamp > toleranceSeconds) return null;
  return JSON.parse(payload);
}

function isEqual(left: string, right: string): boolean {
  const encoder = new TextEncoder();
  return left.length === right.length && timingSafeEqual(encoder.encode(left), encoder.encode(right));
}
