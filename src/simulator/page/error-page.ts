import type { Response } from 'express';
import { sendPage } from './page-response.ts';
import { pageTitle } from './page-title.ts';

const errors: Readonly<Record<number, { heading: string; text: string }>> = Object.freeze({
  400: { heading: 'This page could not be read', text: 'The address or the form has a mistake in it.' },
  404: {
    heading: 'There is no such payment',
    text: 'The link may be mistyped, or the simulator was started anew since, without a file to remember in.',
  },
  405: { heading: 'That can not be done here', text: 'A payment page is opened, or its form is sent.' },
  413: { heading: 'That is too much', text: 'The form is longer than any payment needs. Nothing was taken.' },
  415: {
    heading: 'This form could not be read',
    text: 'The page reads forms as browsers send them, application/x-www-form-urlencoded in UTF-8. Nothing was taken.',
  },
});
const unexpected = { heading: 'The simulator failed', text: 'Its log says why. Try it again.' };

/** Whether who asks for it reads pages and not problems. Without regard to case, as Express finds its routes. */
export function isCheckoutPath(path: string): boolean {
  return /^\/checkout(?:\/|$)/i.test(path);
}

/** What is wrong with a request for a page, as a page. Repeats nothing of the request. */
export function sendErrorPage(response: Response, status: number): void {
  const { heading, text } = errors[status] ?? unexpected;
  sendPage(response, {
    name: 'notice',
    status,
    page: {
      title: pageTitle(heading),
      tone: 'plain',
      heading,
      texts: [text],
      reference: null,
      backUrl: null,
      notes: [],
    },
  });
}
