import { parseCookie } from 'cookie';
import { sign, unsign } from 'cookie-signature';
import type { RequestHandler, Response } from 'express';
import type { Context } from '../context.ts';
import { type BasketItem, maxLines, maxQuantity } from '../shop/basket.ts';
import type { Catalogue } from '../shop/catalogue.ts';
import type { Order } from '../shop/order.ts';

/** What one browser carries in its signed cookie. */
export type Session = {
  readonly shopperId: string;
  /** Names the purchase that this basket will be; a changed basket is another purchase. */
  readonly checkoutKey: string;
  readonly items: readonly BasketItem[];
};

export type Sessions = {
  /** Reads the session from the cookie; a missing, forged or unreadable one is replaced by a new session. */
  readonly read: RequestHandler;
  /** A changed basket becomes another purchase under a new key; an unchanged one keeps its key. */
  saveBasket(res: Response, items: readonly BasketItem[]): void;
  /** Makes the same basket another purchase; returns its key. */
  renewCheckoutKey(res: Response): string;
};

const lifetimeMs = 30 * 24 * 60 * 60 * 1000;
/** Marks a signed value, as cookie-parser does. */
const signedPrefix = 's:';

/** Sessions of the shop alone: a host app's own cookies, and its cookie parser, are left as they are. */
export function createSessions({ config, catalogue, createSecret }: Context): Sessions {
  const isHttps = config.http.publicUrl.startsWith('https:');
  // Browsers bind a cookie named __Host- to this host, and accept it over https only.
  const name = isHttps ? '__Host-shop' : 'shop';
  const secret = config.http.sessionSecret ?? createSecret();

  function save(res: Response, session: Session): void {
    res.locals.session = session;
    dropCookie(res, name);
    const value = `${session.shopperId}.${session.checkoutKey}.${itemList(session.items)}`;
    res.cookie(name, signedPrefix + sign(value, secret), {
      httpOnly: true,
      secure: isHttps,
      // Lax: a shopper who comes back from the payment page is still the same shopper.
      sameSite: 'lax',
      path: '/',
      maxAge: lifetimeMs,
    });
  }

  return {
    read(req, res, next) {
      const cookie = parseCookie(req.headers.cookie ?? '')[name] ?? '';
      const value = cookie.startsWith(signedPrefix) && unsign(cookie.slice(signedPrefix.length), secret);
      const session = value === false ? null : parseSession(value, catalogue);
      if (session === null) save(res, { shopperId: createSecret(), checkoutKey: createSecret(), items: [] });
      else res.locals.session = session;
      next();
    },
    saveBasket(res, items) {
      const session = sessionOf(res);
      const isSame = itemList(items) === itemList(session.items);
      save(res, { ...session, checkoutKey: isSame ? session.checkoutKey : createSecret(), items });
    },
    renewCheckoutKey(res) {
      const checkoutKey = createSecret();
      save(res, { ...sessionOf(res), checkoutKey });
      return checkoutKey;
    },
  };
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

function itemList(items: readonly BasketItem[]): string {
  return items.map((item) => `${item.sku}*${item.quantity}`).join('/');
}

const sessionPattern = /^([A-Za-z0-9_-]{24})\.([A-Za-z0-9_-]{24})\.([a-z0-9*/-]*)$/;

/** The signature was checked; this guards against cookies of an older version and products that are gone. */
function parseSession(text: string, catalogue: Catalogue): Session | null {
  const [, shopperId, checkoutKey, list] = sessionPattern.exec(text) ?? [];
  if (shopperId === undefined || checkoutKey === undefined || list === undefined) return null;
  const items = list
    .split('/')
    .map((item) => item.split('*'))
    .map(([sku = '', quantity]) => ({ sku, quantity: Number(quantity) }))
    .filter(({ sku, quantity }) => catalogue.products.has(sku) && quantity >= 1 && quantity <= maxQuantity)
    .slice(0, maxLines);
  return { shopperId, checkoutKey, items };
}
