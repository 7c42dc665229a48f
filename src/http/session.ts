import type { RequestHandler, Response } from 'express';
import { type BasketItem, maxLines, maxQuantity } from '../shop/basket.ts';
import type { Catalogue } from '../shop/catalogue.ts';

/** What one browser carries in its signed cookie. */
export type Session = {
  readonly shopperId: string;
  /** Names the purchase that this basket will be; a changed basket is another purchase. */
  readonly checkoutKey: string;
  readonly items: readonly BasketItem[];
};

export type SessionSettings = {
  readonly catalogue: Catalogue;
  readonly isHttps: boolean;
  readonly createSecret: () => string;
};

const lifetimeMs = 30 * 24 * 60 * 60 * 1000;

/** `__Host-` binds the cookie to this very host, and browsers take it over https only. */
export function cookieName(isHttps: boolean): string {
  return isHttps ? '__Host-shop' : 'shop';
}

/** Reads the session from the cookie; a missing, forged or unreadable one is replaced by a new session. */
export function readSession(settings: SessionSettings): RequestHandler {
  return (req, res, next) => {
    const session = parseSession(req.signedCookies[cookieName(settings.isHttps)], settings.catalogue);
    if (session === null) saveSession(res, settings, newSession(settings));
    else res.locals.session = session;
    next();
  };
}

export function saveSession(res: Response, settings: SessionSettings, session: Session): void {
  res.locals.session = session;
  // A new session may have been set for this very answer.
  res.removeHeader('Set-Cookie');
  const value = `${session.shopperId}.${session.checkoutKey}.${itemList(session.items)}`;
  res.cookie(cookieName(settings.isHttps), value, {
    signed: true,
    httpOnly: true,
    secure: settings.isHttps,
    // Lax: a shopper who comes back from the payment page is still the same shopper.
    sameSite: 'lax',
    path: '/',
    maxAge: lifetimeMs,
  });
}

/** The same basket under a key of its own: another purchase. */
export function renewCheckoutKey(res: Response, settings: SessionSettings): string {
  const checkoutKey = settings.createSecret();
  saveSession(res, settings, { ...(res.locals.session as Session), checkoutKey });
  return checkoutKey;
}

/** Every change of the basket makes it another purchase, with a key of its own; an unchanged one stays what it is. */
export function saveBasket(res: Response, settings: SessionSettings, items: readonly BasketItem[]): void {
  const session = res.locals.session as Session;
  const isSame = itemList(items) === itemList(session.items);
  const checkoutKey = isSame ? session.checkoutKey : settings.createSecret();
  saveSession(res, settings, { ...session, checkoutKey, items });
}

function itemList(items: readonly BasketItem[]): string {
  return items.map((item) => `${item.sku}*${item.quantity}`).join('/');
}

function newSession(settings: SessionSettings): Session {
  return { shopperId: settings.createSecret(), checkoutKey: settings.createSecret(), items: [] };
}

const cookiePattern = /^([A-Za-z0-9_-]{24})\.([A-Za-z0-9_-]{24})\.([a-z0-9*/-]*)$/;

/** The signature was checked; this guards against cookies of an older version and products that are gone. */
function parseSession(cookie: unknown, catalogue: Catalogue): Session | null {
  const [, shopperId, checkoutKey, list] = (typeof cookie === 'string' && cookiePattern.exec(cookie)) || [];
  if (shopperId === undefined || checkoutKey === undefined || list === undefined) return null;
  const items = list
    .split('/')
    .map((item) => item.split('*'))
    .map(([sku = '', quantity]) => ({ sku, quantity: Number(quantity) }))
    .filter(({ sku, quantity }) => catalogue.products.has(sku) && quantity >= 1 && quantity <= maxQuantity)
    .slice(0, maxLines);
  return { shopperId, checkoutKey, items };
}
