import { connect } from 'node:net';
import { createRequests, isRepeatable, type Plan } from './requests.ts';
import { quantile } from './stats.ts';

// A process that sends prepared requests over kept connections, one in flight on each, and measures. It reads sockets itself:
// on two cores, an HTTP client would need more than the server.

export type Job = {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  readonly plan: Plan;
  /** How long each connection pauses after an answer; 0 floods. */
  readonly pauseMs: number;
};

export type LoadResult = {
  /** The requests sent, numbered from 0, all answered. */
  readonly sent: number;
  readonly perSecond: number;
  /** How often each status code was answered. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

const drainWithinMs = 15_000;
let next: { job: Job; requests: Buffer[]; lines: Line[] } | null = null;

process.on('message', async (message: { prepare: Job } | { run: true }) => {
  if ('prepare' in message) {
    const job = message.prepare;
    const requests = createRequests(job.plan);
    const lines = await Promise.all(Array.from({ length: job.connections }, () => openLine(job.port)));
    next = { job, requests, lines };
    process.send?.({ prepared: requests.length });
  } else if (next !== null) {
    const { job, requests, lines } = next;
    next = null;
    const result = await run(job, requests, lines);
    for (const line of lines) line.close();
    process.send?.(result);
  }
});
process.on('disconnect', () => process.exit(1));

/** Each connection sends its next request as soon as its last one is answered. Resolves when all are answered. */
function run(job: Job, requests: readonly Buffer[], lines: readonly Line[]): Promise<LoadResult> {
  const latencies: number[] = [];
  const statuses: Record<string, number> = {};
  const repeats = isRepeatable(job.plan);
  const startedAt = performance.now();
  const deadline = startedAt + job.seconds * 1000;
  let lastAnswerAt = startedAt;
  let sent = 0;
  let busy = 0;

  return new Promise((resolve) => {
    const late = setTimeout(
      () => {
        throw new Error(`${busy} requests got no answer.`);
      },
      job.seconds * 1000 + drainWithinMs,
    );

    function sendOn(line: Line): void {
      const sentAt = performance.now();
      const request = requests[repeats ? sent % requests.length : sent];
      if (request === undefined || sentAt >= deadline) {
        if (busy === 0) finish();
        return;
      }
      sent += 1;
      busy += 1;
      line.scenario(request, (status) => {
        busy -= 1;
        lastAnswerAt = performance.now();
        latencies.push(lastAnswerAt - sentAt);
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (job.pauseMs > 0) setTimeout(sendOn, job.pauseMs, line);
        else sendOn(line);
      });
    }

    function finish(): void {
      clearTimeout(late);
      resolve({
        sent,
        perSecond: (sent * 1000) / (lastAnswerAt - startedAt),
        statuses,
        p50Ms: quantile(latencies, 0.5),
        p99Ms: quantile(latencies, 0.99),
      });
    }

    for (const line of lines) sendOn(line);
  });
}

type Line = {
  scenario(request: Buffer, onAnswer: (status: number) => void): void;
  close(): void;
};

/** One connection. It reads into one buffer of its own, the cheapest way in Node. */
function openLine(port: number): Promise<Line> {
  const buffer = Buffer.allocUnsafe(64 * 1024);
  let part: Buffer | null = null;
  let answered: (status: number) => void = () => undefined;

  function read(length: number): boolean {
    const chunk = buffer.subarray(0, length);
    const answer = part === null ? chunk : Buffer.concat([part, chunk]);
    const status = statusOfWhole(answer);
    part = status === null ? Buffer.from(answer) : null;
    if (status !== null) answered(status);
    return true;
  }

  return new Promise((resolve, reject) => {
    const onread = { buffer, callback: read };
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread }, () => {
      socket.off('error', reject);
      resolve({
        scenario(request, onAnswer) {
          answered = onAnswer;
          socket.write(request);
        },
        close: () => socket.destroy(),
      });
    });
    socket.once('error', reject);
  });
}

const endOfHead = Buffer.from('\r\n\r\n');

/** Null while part of the answer is missing. No server here sends chunks. */
function statusOfWhole(answer: Buffer): number | null {
  const end = answer.indexOf(endOfHead);
  if (end < 0) return null;
  const head = answer.toString('latin1', 0, end);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined && /\r\ntransfer-encoding:/i.test(head)) throw new Error(`Chunks: ${head}`);
  return answer.length < end + 4 + Number(length ?? 0) ? null : Number(head.slice(9, 12));
}
