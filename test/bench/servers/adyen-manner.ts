import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { inspect } from 'node:util';
import express, { type RequestHandler } from 'express';
import { secrets } from '../names.ts';
import { serve } from './ready.ts';

// Does what the sample servers in Adyen's documentation do, in code of our own: prints every request and every notification,
// checks the HMAC over its joined fields, and stores nothing.

type Notification = {
  pspReference: string;
  originalReference?: string;
  merchantAccountCode: string;
  merchantReference: string;
  amount: { value: number; currency: string };
  eventCode: string;
  success: string;
  additionalData: { hmacSignature: string };
};

const print = (text: string): void => void process.stdout.write(`${text}\n`);

const app = express();
app.use(printRequests());
app.use(express.json());
app.use(express.urlencoded({ extended: true }));
app.use(express.static(import.meta.dirname));
app.post('/api/webhooks/notifications', (req, res) => {
  const notification: Notification = req.body.notificationItems[0].NotificationRequestItem;
  print(inspect(notification));
  if (!isSigned(notification)) {
    print('The signature is wrong.');
    res.status(401).send();
    return;
  }
  print(`${notification.merchantReference}: ${notification.eventCode}`);
  print(`Working on ${notification.eventCode} of ${notification.merchantReference}: ${notification.success}`);
  res.status(202).send();
});
serve(createServer(app));

function isSigned(notification: Notification): boolean {
  const { amount, additionalData, ...rest } = notification;
  const signed = [
    rest.pspReference,
    rest.originalReference ?? '',
    rest.merchantAccountCode,
    rest.merchantReference,
    amount.value,
    amount.currency,
    rest.eventCode,
    rest.success,
  ].join(':');
  const key = Buffer.from(secrets.adyen, 'hex');
  return createHmac('sha256', key).update(signed, 'utf8').digest('base64') === additionalData.hmacSignature;
}

/** One line for each request with status, duration and length, coloured for a developer's terminal. */
function printRequests(): RequestHandler {
  return (req, res, next) => {
    const startedAt = process.hrtime.bigint();
    res.on('finish', () => {
      const ms = (Number(process.hrtime.bigint() - startedAt) / 1e6).toFixed(3);
      const length = res.getHeader('content-length') ?? '-';
      print(`\x1b[0m${req.method} ${req.originalUrl} \x1b[32m${res.statusCode}\x1b[0m ${ms} ms - ${length}`);
    });
    next();
  };
}
