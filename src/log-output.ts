import { type DestinationStream, destination } from 'pino';

/** What waits for a slow reader: some 30,000 lines. More is dropped and counted. */
const maxWaitingBytes = 8 * 1024 * 1024;
/** A turn that logs more than this writes it in parts. */
const maxPartLength = 65_536;
const retryMs = 10;
/** How long a process that ends waits for a reader that takes nothing. */
const lastWaitMs = 2_000;

/**
 * Standard output, written once a turn of the event loop: the lines of all requests answered in it cost one system call.
 * A reader that stops, or a full disk, never stops the shop: lines wait within a bound, then they are dropped, and
 * `onDropped` gets their number as soon as there is room again. An exit writes what is left; SIGKILL loses its last turn.
 *
 * pino's asynchronous mode is no alternative: at exit it reorders or loses the part on its way (sonic-boom#101), and its
 * thread, stuck in a full pipe, keeps the process from exiting. `flushSync` never returns on a full disk.
 */
export function openLogOutput(onDropped: (lines: number) => void): DestinationStream {
  setPipeNonBlocking();
  const limits = { minLength: 1, maxLength: maxWaitingBytes, retryEAGAIN: () => false };
  const output = destination({ dest: 1, sync: true, ...limits });
  let lines = '';
  let dropped = 0;
  let fullSince: number | null = null;
  let isRetrying = false;
  let isEnding = false;
  let isClosed = false;

  output.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') isClosed = true;
    else if (code === 'EAGAIN') fullSince ??= performance.now();
    if (isClosed || isRetrying) return;
    isRetrying = true;
    setTimeout(tryAgain, retryMs).unref();
  });
  output.on('write', (bytes: number) => {
    if (bytes > 0) fullSince = null;
  });
  output.on('drop', (text: string) => {
    dropped += text.split('\n').length - 1;
  });
  output.on('drain', reportDropped);
  process.once('exit', finish);

  function write(line: string): void {
    if (isClosed) return;
    if (lines === '' && !isEnding) setImmediate(flush);
    lines += line;
    if (isEnding || lines.length > maxPartLength) flush();
  }

  function flush(): void {
    const text = lines;
    lines = '';
    if (text !== '') output.write(text);
  }

  function tryAgain(): void {
    isRetrying = false;
    output.flush();
  }

  function reportDropped(): void {
    if (dropped === 0) return;
    const count = dropped;
    dropped = 0;
    onDropped(count);
  }

  function finish(): void {
    isEnding = true;
    flush();
    const giveUpAt = (fullSince ?? performance.now()) + lastWaitMs;
    while (fullSince !== null && performance.now() < giveUpAt) {
      pauseThread();
      output.flush();
    }
    if (fullSince === null) reportDropped();
  }

  return { write };
}

/** Node makes a pipe non-blocking when it opens it as a stream: a full one then answers EAGAIN at once. */
function setPipeNonBlocking(): void {
  void process.stdout;
}

/** One millisecond. Nothing else runs in a process that exits. */
function pauseThread(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}
