import { existsSync } from 'node:fs';
import sparticuz from '@sparticuz/chromium';
import axe, { type AxeResults } from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Where other systems install a browser that Playwright can drive. */
const installed = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/usr/bin/google-chrome',
  '/usr/bin/chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/**
 * A real Chromium: `CHROMIUM_PATH`, else the one that npm installs on Linux x64, else one of the system's.
 * Throws an error that says what to do if there is none.
 */
export async function openBrowser(): Promise<Browser> {
  const given = process.env.CHROMIUM_PATH;
  const isPackaged = process.platform === 'linux' && process.arch === 'x64';
  const path = given ?? (isPackaged ? await sparticuz.executablePath() : installed.find(existsSync));
  if (path === undefined) throw new Error('No Chromium found. Install Chrome or set CHROMIUM_PATH.');
  // Chromium's sandbox does not run as root, and the browser opens only our own pages.
  const browser = await chromium.launch({ executablePath: path, args: ['--no-sandbox', '--disable-gpu'] });
  // Below the limit of a test, so that its error names what the page was waiting for.
  browser.on('context', (context) => context.setDefaultTimeout(90_000));
  return browser;
}

/** Leaves the browser without pages and cookies. */
export async function closePages(browser: Browser): Promise<void> {
  await Promise.all(browser.contexts().map((context) => context.close()));
}

/** What stands in the way of a person with a disability or a phone on this page: should be nothing. */
export async function findBarriers(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResults>('axe.run()');
  const barriers = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
  const size = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 640 });
  const width = await page.evaluate<number>('document.documentElement.scrollWidth');
  if (size !== null) await page.setViewportSize(size);
  return width > 320 ? [...barriers, `reflow: ${width} px wide at 320 px`] : barriers;
}
