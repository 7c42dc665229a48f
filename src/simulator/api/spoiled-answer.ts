import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import type { Response } from 'express';
import type { Fault, FaultKind } from '../faults.ts';

type Json = Record<string, unknown>;

/** What becomes of an answer on its way: first its JSON, then its bytes, then the way they leave. */
export type Spoiling = {
  readonly changeIntent: readonly ((intent: Json) => Json)[];
  readonly isCut: boolean;
  readonly isOversized: boolean;
  /** Null where it leaves at once. */
  readonly dripMs: number | null;
};

const intentChanges: Partial<Record<FaultKind, (intent: Json) => Json>> = {
  'wrong-amount': (intent) => ({
    ...intent,
    amount: oneMore(intent.amount),
    ...(intent.totalAmount !== undefined && { totalAmount: oneMore(intent.totalAmount) }),
  }),
  // Not longer than the 60 characters that a reference may have.
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

export function createSpoiling(faults: readonly Fault[]): Spoiling {
  const has = (wanted: FaultKind) => faults.some(({ kind }) => kind === wanted);
  return {
    changeIntent: faults.flatMap(({ kind }) => intentChanges[kind] ?? []),
    isCut: has('malformed-json'),
    isOversized: has('oversized-json'),
    dripMs: faults.find(({ kind }) => kind === 'drip')?.delayMs ?? null,
  };
}

/** Writes the answer of a handler, which has set status and headers. Never rejects: a client that leaves ends it. */
export async function sendSpoiled(response: Response, body: Buffer, spoiling: Spoiling): Promise<void> {
  if (response.closed) return;
  const bytes = spoilBytes(response, body, spoiling);
  if (spoiling.dripMs === null && !spoiling.isOversized) {
    response.end(bytes);
    return;
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  if (spoiling.isOversized) response.removeHeader('Content-Length');
  const padded = spoiling.isOversized ? pad(bytes) : [bytes];
  const chunks = spoiling.dripMs === null ? padded : drip(padded, spoiling.dripMs, gone.signal);
  response.flushHeaders();
  await writeAll(response, chunks, gone.signal).catch(() => undefined);
}

/** Waits for a client that reads slowly; rejects when it has gone. */
async function writeAll(
  response: Response,
  chunks: Iterable<Buffer> | AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<void> {
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    if (!response.write(chunk)) await once(response, 'drain', { signal });
  }
  response.end();
}

function spoilBytes(response: Response, body: Buffer, spoiling: Spoiling): Buffer {
  const changed = spoiling.changeIntent.length > 0 ? changeIntents(body, spoiling.changeIntent) : body;
  const needsBody = body.length === 0 && (spoiling.isCut || spoiling.isOversized);
  // A 204 has no body that could be spoiled.
  if (needsBody) response.status(200).type('application/json');
  const whole = needsBody ? Buffer.from('{}') : changed;
  const bytes = spoiling.isCut ? whole.subarray(0, Math.floor(whole.length / 2)) : whole;
  if (bytes.length > 0) response.set('Content-Length', String(bytes.length));
  return bytes;
}

function changeIntents(body: Buffer, changes: Spoiling['changeIntent']): Buffer {
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

/** 64 MiB of blanks first, which JSON allows; the same 64 KiB each time. */
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
