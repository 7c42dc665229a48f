import type { Response } from 'express';
import { type PageName, renderPage } from './render.ts';

/**
 * Sends a page that loads nothing but its style sheet. `formTargets` are the addresses a form on it may lead to:
 * Chrome applies `form-action` to the redirect that answers a form, not only to the form.
 */
export function sendPage(
  response: Response,
  view: {
    name: PageName;
    status?: number;
    page: { title: string } & Record<string, unknown>;
    formTargets?: readonly (string | null | undefined)[];
  },
): void {
  const origins = (view.formTargets ?? []).flatMap((target) => (target ? [new URL(target).origin] : []));
  response.set({
    'content-security-policy': [
      "default-src 'none'",
      "style-src 'self'",
      "img-src 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
      ["form-action 'self'", ...origins].join(' '),
    ].join('; '),
    'cache-control': 'no-store',
  });
  response
    .status(view.status ?? 200)
    .type('html')
    .send(renderPage(view.name, view.page));
}
