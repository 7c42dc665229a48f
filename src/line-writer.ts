import { type DestinationStream, destination } from 'pino';

/** A turn that logs more than this writes it in parts. */
const maxPending = 65_536;

/**
 * Standard output, written once a turn of the event loop: the lines of all requests that were answered in it cost one
 * call of the system. A process that ends, by itself, by an exit or by an error, writes what is left; an end that tells
 * nobody, such as SIGKILL, takes the lines of its last turn along. A full pipe is waited for, so no line is lost to it.
 */
export function createLineWriter(): DestinationStream {
  const stdout = destination({ dest: 1, sync: true });
  let lines = '';
  let isEnding = false;

  function flush(): void {
    const text = lines;
    lines = '';
    if (text !== '') stdout.write(text);
  }

  process.once('exit', () => {
    isEnding = true;
    flush();
  });
  return {
    write(line) {
      if (lines === '' && !isEnding) setImmediate(flush);
      lines += line;
      if (isEnding || lines.length > maxPending) flush();
    },
  };
}
