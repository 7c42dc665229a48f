import { parseCookie } from 'cookie';
import { sign, unsign } from 'cookie-signature';
import type { RequestHandler, Response } from 'express';
import { readBasket } from '../checkout/read-basket.ts';
import type { Context } from '../context.ts';
import { type BasketItem, maxLines, maxQuantity } from '../shop/basket.ts';
import type { Catalogue } from '../shop/catalogue.ts';
import type { Order } from '../shop/order.ts';
import { changeItems, openKey, type ShopperBasket, takeOut } from '../shop/shopper-basket.ts';

/** What one browser carries in its signed cookie. */
export type Session = ShopperBasket & { readonly shopperId: string };

export type Sessions = {
  /**
   * Reads the session from the cookie; a missing, forged or unreadable one is replaced by a new session. For a page, what
   * was bought meanwhile leaves the basket.
   */
  readonly read: RequestHandler;
  /** A changed basket becomes another purchase under a new key; an unchanged one keeps its key. */
  saveBasket(res: Response, items: readonly BasketItem[]): void;
  /** Makes the same basket another purchase, under this key or a new one. */
  renewCheckoutKey(res: Response, checkoutKey?: string): void;
  /** Remembers that an order was placed under the key. */
  openKey(res: Response, checkoutKey: string): void;
  /** Takes out what was bought, unless that is done already. */
  takeOut(res: Response, order: Order): void;
};

const lifetimeMs = 30 * 24 * 60 * 60 * 1000;
/** Marks a signed value, as cookie-parser does. */
const signedPrefix = 's:';

/** Sessions of the shop alone: a host app's own cookies, and its cookie parser, are left as they are. */
export function createSessions(context: Context): Sessions {
  const { config, catalogue, createSecret } = context;
  const isHttps = config.http.publicUrl.startsWith('https:');
  // Browsers bind a cookie named __Host- to this host, and accept it over https only.
  const name = isHttps ? '__Host-shop' : 'shop';
  const secret = config.http.sessionSecret ?? createSecret();

  function save(res: Response, session: Session): void {
    if (res.locals.session === session) return;
    res.locals.session = session;
    dropCookie(res, name);
    res.cookie(name, signedPrefix + sign(sessionText(session), secret), {
      httpOnly: true,
      secure: isHttps,
      // Lax: a shopper who comes back from the payment page is still the same shopper.
      sameSite: 'lax',
      path: '/',
      maxAge: lifetimeMs,
    });
  }

  return {
    async read(req, res, next) {
      const cookie = parseCookie(req.headers.cookie ?? '')[name] ?? '';
      const value = cookie.startsWith(signedPrefix) && unsign(cookie.slice(signedPrefix.length), secret);
      const session = value === false ? null : parseSession(value, catalogue);
      if (session === null) {
        save(res, { shopperId: createSecret(), checkoutKey: createSecret(), openKeys: [], items: [] });
      } else {
        res.locals.session = session;
        // Not for the script that waits for an order: its answers would overtake those of forms.
        if (req.accepts('html')) save(res, await readOrKeep(context, session));
      }
      next();
    },
    saveBasket: (res, items) => save(res, changeItems(sessionOf(res), items, createSecret())),
    renewCheckoutKey: (res, checkoutKey = createSecret()) => save(res, { ...sessionOf(res), checkoutKey }),
    openKey: (res, checkoutKey) => save(res, openKey(sessionOf(res), checkoutKey)),
    takeOut: (res, order) => save(res, takeOut(sessionOf(res), order, createSecret())),
  };
}

/** Pages that only show something are served although the store cannot be read. */
async function readOrKeep(context: Context, session: Session): Promise<Session> {
  try {
    return await readBasket(context, session);
  } catch (error) {
    if (error instanceof Error && error.name === 'StoreError') return session;
    throw error;
  }
}

export function sessionOf(res: Response): Session {
  const { session } = res.locals;
  if (session === undefined) throw new Error('The session of this request has not been read.');
  return session;
}

/** The browser that placed the order sees all of it; anyone else with the address sees its status. */
export function isOwnOrder(order: Order, session: Session): boolean {
  return order.shopperId === session.shopperId;
}

/** An answer that saves the session twice sends the last one only; cookies of a host app stay. */
function dropCookie(res: Response, name: string): void {
  const cookies = [res.getHeader('Set-Cookie') ?? []].flat().map(String);
  const others = cookies.filter((cookie) => !cookie.startsWith(`${name}=`));
  if (others.length === 0) res.removeHeader('Set-Cookie');
  else res.setHeader('Set-Cookie', others);
}

/** With 50 products of the longest names, the cookie is some 2.6 kB; browsers keep 4 kB. */
function sessionText({ shopperId, checkoutKey, items, openKeys }: Session): string {
  const list = items.map((item) => `${item.sku}*${item.quantity}`).join('/');
  return `${shopperId}.${checkoutKey}.${list}.${openKeys.join('~')}`;
}

const sessionPattern = /^([A-Za-z0-9_-]{24})\.([A-Za-z0-9_-]{24})\.([a-z0-9*/-]*)(?:\.([A-Za-z0-9_~-]*))?$/;

/** The signature was checked; this guards against cookies of an older version and products that are gone. */
function parseSession(text: string, catalogue: Catalogue): Session | null {
  const [, shopperId, checkoutKey, list, keys] = sessionPattern.exec(text) ?? [];
  if (shopperId === undefined || checkoutKey === undefined || list === undefined) return null;
  const items = list
    .split('/')
    .map((item) => item.split('*'))
    .map(([sku = '', quantity]) => ({ sku, quantity: Number(quantity) }))
    .filter(({ sku, quantity }) => catalogue.products.has(sku) && quantity >= 1 && quantity <= maxQuantity)
    .slice(0, maxLines);
  // Before open keys were kept, the basket's own key was the only one that an order could have.
  const openKeys = keys === undefined ? [checkoutKey] : keys.split('~').filter(Boolean);
  return { shopperId, checkoutKey, openKeys, items };
}
