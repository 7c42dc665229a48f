import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import express from 'express';
import { createWebhookSecret, signatureHeader, verifyWebhook } from '../../../src/dojo/webhook.ts';
import { secrets } from '../names.ts';
import { serve } from './ready.ts';

// A first attempt, as many would write it: SQLite's default rollback journal, and a transaction for each webhook, on a copy of
// the shop's own database.

const database = new DatabaseSync(String(process.env.DATABASE_PATH));
database.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL');
const findAttempt = database.prepare('SELECT order_id, number FROM attempts WHERE payment_intent_id = ?');
const addEvent = database.prepare(
  `INSERT INTO events (digest, event_id, event, payment_intent_id, payment_status, order_id, secret, received_at, body)
   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
);
const markAttempt = database.prepare('UPDATE attempts SET captured = 1 WHERE order_id = ? AND number = ?');
const markOrder = database.prepare(`UPDATE orders SET status = 'paid' WHERE id = ?`);

const secret = createWebhookSecret(secrets.dojo);
const app = express();
app.post('/webhooks/dojo', express.raw({ type: 'application/json' }), (req, res) => {
  if (!verifyWebhook(req.body, req.get(signatureHeader) ?? '', secret)) {
    res.sendStatus(401);
    return;
  }
  record(req.body);
  res.json({ received: true });
});
serve(createServer(app));

function record(body: Buffer): void {
  const { id, event, data } = JSON.parse(body.toString());
  const { paymentIntentId, paymentStatus } = data;
  const digest = createHash('sha256').update(body).digest();
  database.exec('BEGIN IMMEDIATE');
  const attempt = findAttempt.get(paymentIntentId);
  const orderId = attempt?.order_id ?? null;
  addEvent.run(digest, id, event, paymentIntentId, paymentStatus, orderId, secret.label, Date.now(), body);
  if (attempt !== undefined) {
    markAttempt.run(orderId, attempt.number ?? null);
    markOrder.run(orderId);
  }
  database.exec('COMMIT');
}
