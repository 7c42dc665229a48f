import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ejs from 'ejs';
import type { Response } from 'express';
import type { Context } from '../context.ts';

/** Renders the pages below a folder, each inside the one layout. */
export type Pages = {
  /** Sends a page with the status that the response has. `name` is its path without `.ejs`. */
  send(res: Response, name: string, locals?: Readonly<Record<string, unknown>>): void;
};

/** Compiles every template at once, so that a broken one is found at the start. */
export function createPages(folder: string, { config, catalogue }: Context): Pages {
  const templates = new Map(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ejs'))
      .map((path) => {
        const filename = join(folder, path);
        return [relative(folder, filename).slice(0, -'.ejs'.length), compile(filename)] as const;
      }),
  );

  function render(name: string, page: Record<string, unknown>): string {
    const template = templates.get(name);
    if (template === undefined) throw new Error(`There is no view ${name}.`);
    return template(page);
  }

  return {
    send(res, name, locals = {}) {
      const page: Record<string, unknown> = {
        shopName: catalogue.shopName,
        strapline: catalogue.strapline,
        testShop: config.isTestShop,
        basketCount: res.locals.session?.items.reduce((sum, item) => sum + item.quantity, 0) ?? 0,
        noIndex: false,
        refresh: null,
        error: null,
        ...locals,
      };
      // The layout takes its title from the heading of the page inside it.
      page.body = render(name, page);
      // No-store, so that Back shows the basket's count as it is now.
      res.set('Cache-Control', 'no-store').type('html').send(render('layout', page));
    },
  };
}

/** Fixed options: nothing in a request reaches the template engine's settings. */
function compile(filename: string): ejs.TemplateFunction {
  return ejs.compile(readFileSync(filename, 'utf8'), {
    filename,
    cache: true,
    strict: true,
    _with: false,
    localsName: 'page',
  });
}
