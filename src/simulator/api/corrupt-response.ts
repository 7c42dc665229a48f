import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import type { Response } from 'express';
import type { Fault, FaultKind } from '../faults.ts';

type Json = Record<string, unknown>;

/** What happens to an answer: first to its JSON, then to its bytes, then to the way they leave. */
export type Corruption = {
  readonly changeIntent: readonly ((intent: Json) => Json)[];
  readonly isCut: boolean;
  readonly isOversized: boolean;
  /** Null if it leaves at once. */
  readonly dripMs: number | null;
};

const intentChanges: Partial<Record<FaultKind, (intent: Json) => Json>> = {
  'wrong-amount': (intent) => ({
    ...intent,
    amount: oneMore(intent.amount),
    ...(intent.totalAmount !== undefined && { totalAmount: oneMore(intent.totalAmount) }),
  }),
  // Within the 60 characters of a reference.
  'wrong-reference': (intent) => ({ ...intent, reference: `${String(intent.reference).slice(0, 54)}-other` }),
  'evil-link': (intent) => ({
    ...intent,
    paymentLink: `https://pay.dojo.tech.evil.example/checkout/${intent.id}`,
  }),
  'script-link': (intent) => ({
    ...intent,
    paymentLink: `javascript:alert(document.domain)//pay.dojo.tech/checkout/${intent.id}`,
  }),
};

/** Keeps an answer from leaving. `onBody` gets its body; `res` still has the status and headers, and can be sent. */
export function captureResponse(res: Response, onBody: (body: Buffer) => void): void {
  // Express ends every answer here, before the headers leave.
  res.end = ((chunk?: unknown, encoding?: BufferEncoding) => {
    Reflect.deleteProperty(res, 'end');
    if (typeof chunk === 'string') onBody(Buffer.from(chunk, encoding));
    else onBody(chunk instanceof Uint8Array ? Buffer.from(chunk) : Buffer.alloc(0));
    return res;
  }) as Response['end'];
}

export function planCorruption(faults: readonly Fault[]): Corruption {
  const has = (wanted: FaultKind) => faults.some(({ kind }) => kind === wanted);
  return {
    changeIntent: faults.flatMap(({ kind }) => intentChanges[kind] ?? []),
    isCut: has('malformed-json'),
    isOversized: has('oversized-json'),
    dripMs: faults.find(({ kind }) => kind === 'drip')?.delayMs ?? null,
  };
}

/** Sends a captured answer. Never rejects: it just stops when the client leaves. */
export async function sendCorrupt(res: Response, body: Buffer, corruption: Corruption): Promise<void> {
  if (res.closed) return;
  const bytes = corruptBody(res, body, corruption);
  if (corruption.dripMs === null && !corruption.isOversized) {
    res.end(bytes);
    return;
  }
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  if (corruption.isOversized) res.removeHeader('Content-Length');
  const padded = corruption.isOversized ? pad(bytes) : [bytes];
  const chunks = corruption.dripMs === null ? padded : drip(padded, corruption.dripMs, gone.signal);
  res.flushHeaders();
  await writeAll(res, chunks, gone.signal).catch(() => undefined);
}

/** Waits for a client that reads slowly; rejects once it has left. */
async function writeAll(
  res: Response,
  chunks: Iterable<Buffer> | AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<void> {
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    if (!res.write(chunk)) await once(res, 'drain', { signal });
  }
  res.end();
}

function corruptBody(res: Response, body: Buffer, corruption: Corruption): Buffer {
  const changed = corruption.changeIntent.length > 0 ? changeIntents(body, corruption.changeIntent) : body;
  // A 204 has no body to corrupt.
  const needsBody = body.length === 0 && (corruption.isCut || corruption.isOversized);
  if (needsBody) res.status(200).type('application/json');
  const whole = needsBody ? Buffer.from('{}') : changed;
  const bytes = corruption.isCut ? whole.subarray(0, Math.floor(whole.length / 2)) : whole;
  if (bytes.length > 0) res.set('Content-Length', String(bytes.length));
  return bytes;
}

function changeIntents(body: Buffer, changes: Corruption['changeIntent']): Buffer {
  const change = (value: unknown): unknown =>
    isIntent(value) ? changes.reduce((intent, apply) => apply(intent), value) : value;
  const answer: unknown = body.length === 0 ? null : JSON.parse(body.toString('utf8'));
  const changed = isPage(answer) ? { ...answer, data: answer.data.map(change) } : change(answer);
  return changed === answer ? body : Buffer.from(JSON.stringify(changed));
}

function isIntent(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && 'reference' in value && 'amount' in value;
}

function isPage(value: unknown): value is { data: unknown[] } {
  return typeof value === 'object' && value !== null && 'data' in value && Array.isArray(value.data);
}

function oneMore(money: unknown): unknown {
  const { value, ...rest } = money as { value: number };
  return { value: value + 1, ...rest };
}

const padding = Buffer.alloc(64 * 1024, ' ');
const paddings = 1024;

/** JSON allows leading spaces: here 64 MiB of them, in the same 64 KiB buffer each time. */
function* pad(bytes: Buffer): Generator<Buffer> {
  for (let count = 0; count < paddings; count += 1) yield padding;
  yield bytes;
}

async function* drip(chunks: Iterable<Buffer>, delayMs: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  for (const chunk of chunks) {
    for (let place = 0; place < chunk.length; place += 1) {
      await setTimeout(delayMs, undefined, { signal });
      yield chunk.subarray(place, place + 1);
    }
  }
}
