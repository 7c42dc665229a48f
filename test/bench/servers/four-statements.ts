import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import express from 'express';
import pg from 'pg';
import { createWebhookSecret, signatureHeader, verifyWebhook } from '../../../src/dojo/webhook.ts';
import { secrets } from '../names.ts';
import { serve } from './ready.ts';

// A first attempt, as many would write it: a pool of ten connections, and a transaction of four statements for each webhook, on a
// copy of the shop's own database.

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const secret = createWebhookSecret(secrets.dojo);
const app = express();
app.post('/webhooks/dojo', express.raw({ type: 'application/json' }), async (req, res) => {
  if (!verifyWebhook(req.body, req.get(signatureHeader) ?? '', secret)) {
    res.sendStatus(401);
    return;
  }
  await record(req.body);
  res.json({ received: true });
});
serve(createServer(app));

async function record(body: Buffer): Promise<void> {
  const { id, event, data } = JSON.parse(body.toString());
  const { paymentIntentId, paymentStatus } = data;
  const digest = createHash('sha256').update(body).digest();
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const found = await client.query('SELECT order_id, number FROM attempts WHERE payment_intent_id = $1', [
      paymentIntentId,
    ]);
    const { order_id: orderId = null, number = null } = found.rows[0] ?? {};
    await client.query(
      `INSERT INTO events (digest, event_id, event, payment_intent_id, payment_status, order_id, secret, received_at, body)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
      [digest, id, event, paymentIntentId, paymentStatus, orderId, secret.label, Date.now(), body],
    );
    await client.query('UPDATE attempts SET captured = 1 WHERE order_id = $1 AND number = $2', [
      orderId,
      number,
    ]);
    await client.query(`UPDATE orders SET status = 'paid' WHERE id = $1`, [orderId]);
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}
