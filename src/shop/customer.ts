import { z } from 'zod';
import { type Catalogue, lineOfText } from './catalogue.ts';

/** Who buys, and where the goods go: all the personal data that the shop has. */
export type Customer = {
  readonly emailAddress: string;
  /** Null where nothing is delivered and no one gave a name. */
  readonly name: string | null;
  readonly phoneNumber: string | null;
  /** Null for what needs no delivery. */
  readonly delivery: DeliveryAddress | null;
};

export type DeliveryAddress = {
  /** The recipient, who may be another person than the customer. */
  readonly name: string;
  readonly line1: string;
  readonly line2: string | null;
  readonly town: string;
  readonly postcode: string;
  /** ISO 3166-1 alpha-2. */
  readonly countryCode: string;
  /** For whoever delivers. */
  readonly note: string | null;
};

/** What a checkout asks for: everything, an e-mail address only, or nothing. */
export type DetailsNeeded = 'delivery' | 'contact' | 'none';

export function detailsNeeded(catalogue: Catalogue): DetailsNeeded {
  if (catalogue.details === 'none') return 'none';
  return catalogue.delivery ? 'delivery' : 'contact';
}

/** As the form names them; `recipient` comes from programs only. */
export const customerFields = [
  'email',
  'name',
  'phone',
  'recipient',
  'line1',
  'line2',
  'town',
  'postcode',
  'country',
  'note',
] as const;
export type CustomerField = (typeof customerFields)[number];

/** What was typed, or sent, in each field. */
export type TypedCustomer = Readonly<Partial<Record<CustomerField, unknown>>>;

/** The sizes are those that Dojo accepts. */
const required = {
  email: z.string().trim().pipe(z.email().max(254)),
  name: lineOfText(100),
  line1: lineOfText(100),
  town: lineOfText(100),
};
const optional = {
  name: lineOfText(100),
  phone: z
    .string()
    .trim()
    .regex(/^\+?(?=(?:\D*\d){5})[\d ().-]{5,49}$/),
  recipient: lineOfText(100),
  line2: lineOfText(100),
  // A field of several lines, which browsers end in their own way.
  note: z
    .string()
    .transform((text) => text.replace(/\r\n?/g, '\n').trim())
    .pipe(
      z
        .string()
        .max(1024)
        .regex(/^(?:[^\p{Cc}\p{Cs}]|\n)*$/u),
    ),
};

/** The customer, or the fields that are missing or wrong, in their order. What the shop does not need is not even read. */
export function parseCustomer(
  catalogue: Catalogue,
  typed: TypedCustomer,
): { kind: 'customer'; customer: Customer | null } | { kind: 'wrong'; fields: readonly CustomerField[] } {
  const needed = detailsNeeded(catalogue);
  if (needed === 'none') return { kind: 'customer', customer: null };
  const wrong = new Set<CustomerField>();

  function get(field: keyof typeof required): string {
    const parsed = required[field].safeParse(typed[field]);
    if (!parsed.success) wrong.add(field);
    return parsed.data ?? '';
  }
  function find(field: keyof typeof optional): string | null {
    const value = typed[field];
    if (value === undefined || value === null || (typeof value === 'string' && value.trim() === ''))
      return null;
    const parsed = optional[field].safeParse(value);
    if (!parsed.success) wrong.add(field);
    return parsed.data ?? null;
  }
  function getPlace(): Pick<DeliveryAddress, 'postcode' | 'countryCode'> {
    const { country, postcode: text } = typed;
    const countryCode = countriesOf(catalogue).find((code) => code === country);
    if (countryCode === undefined) wrong.add('country');
    const postcode = typeof text === 'string' ? parsePostcode(text, countryCode ?? '') : null;
    if (postcode === null) wrong.add('postcode');
    return { postcode: postcode ?? '', countryCode: countryCode ?? '' };
  }

  const isDelivered = needed === 'delivery';
  const name = isDelivered ? get('name') : find('name');
  const contact = { emailAddress: get('email'), name, phoneNumber: find('phone') };
  const delivery = isDelivered
    ? {
        name: find('recipient') ?? name ?? '',
        line1: get('line1'),
        line2: find('line2'),
        town: get('town'),
        ...getPlace(),
        note: find('note'),
      }
    : null;
  if (wrong.size > 0) return { kind: 'wrong', fields: customerFields.filter((field) => wrong.has(field)) };
  return { kind: 'customer', customer: { ...contact, delivery } };
}

/** Where the shop delivers to, as ISO 3166-1 alpha-2. */
export function countriesOf({ delivery }: Catalogue): readonly string[] {
  return delivery?.countries ?? [];
}

const shapes: Readonly<Record<string, RegExp>> = Object.freeze({
  GB: /^(GIR|[A-Z]{1,2}\d[A-Z\d]?)(\d[A-Z]{2}|0AA)$/,
  IE: /^([A-Z]\d[\dW])([A-Z\d]{4})$/,
});

/** As its country writes it, from any case and spacing; null if it is none. */
function parsePostcode(text: string, countryCode: string): string | null {
  const typed = text.toUpperCase().trim();
  const shape = shapes[countryCode];
  if (shape === undefined) return /^[A-Z\d][A-Z\d -]{1,11}$/.test(typed) ? typed : null;
  const [, first, last] = shape.exec(typed.replace(/[\s\p{Pd}]/gu, '')) ?? [];
  return first === undefined ? null : `${first} ${last}`;
}

/** True if both are the same person and place. */
export function isSameCustomer(one: Customer | null, other: Customer | null): boolean {
  return JSON.stringify(one && textOf(one)) === JSON.stringify(other && textOf(other));
}

function textOf({ delivery, ...contact }: Customer): unknown {
  const { emailAddress, name, phoneNumber } = contact;
  if (delivery === null) return [emailAddress, name, phoneNumber];
  const { name: recipient, line1, line2, town, postcode, countryCode, note } = delivery;
  return [emailAddress, name, phoneNumber, recipient, line1, line2, town, postcode, countryCode, note];
}

/** What a form shows again of a customer that is known. */
export function typedOf({ emailAddress, name, phoneNumber, delivery }: Customer): TypedCustomer {
  return {
    email: emailAddress,
    name: name ?? '',
    phone: phoneNumber ?? '',
    ...(delivery !== null && {
      line1: delivery.line1,
      line2: delivery.line2 ?? '',
      town: delivery.town,
      postcode: delivery.postcode,
      country: delivery.countryCode,
      note: delivery.note ?? '',
    }),
  };
}
