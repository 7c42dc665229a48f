import type { Response } from 'express';

/** Keeps an answer from leaving: `onAnswer` is given its body, and `response` is as new but for status and headers. */
export function takeAnswer(response: Response, onAnswer: (body: Buffer) => void): void {
  // Express ends every answer here, and only then its headers leave.
  response.end = ((chunk?: unknown, encoding?: BufferEncoding) => {
    Reflect.deleteProperty(response, 'end');
    onAnswer(
      typeof chunk === 'string'
        ? Buffer.from(chunk, encoding)
        : chunk instanceof Uint8Array
          ? Buffer.from(chunk)
          : empty,
    );
    return response;
  }) as Response['end'];
}

const empty = Buffer.alloc(0);
