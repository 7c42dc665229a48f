import type { z } from 'zod';
import type { addressSchema } from '../state/create-request.ts';
import type { Collected, PaymentIntent } from '../state/payment-intent.ts';

/** One field of a form, as a browser shows it. */
export type FormField = {
  /** Both the name in the form and the id on the page. */
  readonly id: string;
  readonly label: string;
  readonly hint?: string;
  readonly control?: 'text' | 'country' | 'long-text';
  readonly type?: 'text' | 'email';
  readonly inputmode?: 'numeric' | 'email';
  /** What the browser may fill in (HTML, "Autofill"). */
  readonly autocomplete: string;
  readonly isOptional?: boolean;
};

/** `field` is the id that the message links to. */
export type FormError = { readonly field: string; readonly message: string };

/** What goes back into the form, by field; never a security code. */
export type Typed = Readonly<Record<string, string>>;

/** Longer than any valid value, and short enough to repeat on a page. */
const maxLength = 1_100;

/** The typed value; empty if the field came twice or not at all. */
export function readField(form: unknown, id: string): string {
  const value = typeof form === 'object' && form !== null ? Reflect.get(form, id) : undefined;
  return typeof value === 'string' ? value.trim().slice(0, maxLength) : '';
}

/** Line ends aside, which a field of several lines may have. */
export function hasControlCharacters(value: string): boolean {
  return /[^\P{Cc}\r\n]/u.test(value);
}

type Address = z.output<typeof addressSchema>;
type AddressKind = 'billing' | 'shipping';

/** The details that `config` asks for. */
export type WantedDetails = {
  readonly email: boolean;
  readonly shipping: boolean;
  readonly billing: boolean;
};

export function wantedDetails({ request: { config } }: PaymentIntent): WantedDetails {
  return {
    email: config?.customerEmail?.collectionRequired ?? false,
    shipping: config?.shippingDetails?.collectionRequired ?? false,
    billing: config?.billingAddress?.collectionRequired ?? false,
  };
}

export const emailField: FormField = Object.freeze({
  id: 'emailAddress',
  label: 'E-mail address',
  hint: 'For the receipt; the simulator sends no e-mail',
  type: 'email',
  inputmode: 'email',
  autocomplete: 'email',
});
export const shippingNameField: FormField = Object.freeze({
  id: 'shippingName',
  label: 'Name of the recipient',
  autocomplete: 'shipping name',
});
export const deliveryNotesField: FormField = Object.freeze({
  id: 'deliveryNotes',
  label: 'Delivery notes',
  control: 'long-text',
  autocomplete: 'off',
  isOptional: true,
});
/** Shown if the page asks for both addresses. */
export const sameAddressId = 'billingSameAsShipping';

export function addressFields(kind: AddressKind): readonly FormField[] {
  return [
    { id: `${kind}Address1`, label: 'Address line 1', autocomplete: `${kind} address-line1` },
    {
      id: `${kind}Address2`,
      label: 'Address line 2',
      autocomplete: `${kind} address-line2`,
      isOptional: true,
    },
    { id: `${kind}City`, label: 'Town or city', autocomplete: `${kind} address-level2` },
    {
      id: `${kind}County`,
      label: 'County, state or region',
      autocomplete: `${kind} address-level1`,
      isOptional: true,
    },
    { id: `${kind}CountryCode`, label: 'Country', control: 'country', autocomplete: `${kind} country` },
    {
      id: `${kind}Postcode`,
      label: 'Postcode',
      hint: 'Needed for the United Kingdom',
      autocomplete: `${kind} postal-code`,
    },
  ];
}

/** The initial values: what was typed earlier, or what the shop sent. */
export function prefillDetails({ collected, request }: PaymentIntent): Typed {
  const shipping = collected.shippingDetails ?? request.shippingDetails;
  return {
    emailAddress: collected.emailAddress ?? request.customer?.emailAddress ?? '',
    shippingName: shipping?.name ?? '',
    deliveryNotes: shipping?.deliveryNotes ?? '',
    ...typedAddress('shipping', shipping?.address),
    ...typedAddress('billing', collected.billingAddress ?? request.billingAddress),
    [sameAddressId]: '',
  };
}

/** Members without a field go into a neighbouring field. */
function typedAddress(kind: AddressKind, address: Address | null | undefined): Typed {
  const lines = [address?.address2, address?.address3, address?.address4];
  return {
    [`${kind}Address1`]: address?.address1 ?? '',
    [`${kind}Address2`]: lines.filter(Boolean).join(', '),
    [`${kind}City`]: address?.city || address?.locality || '',
    [`${kind}County`]: address?.county || address?.state || '',
    [`${kind}Postcode`]: address?.postcode ?? '',
    [`${kind}CountryCode`]: findCountry(address?.countryCode ?? '')?.code ?? '',
  };
}

type ReadValue = (id: string, check: (value: string) => string | null) => string;

/** Reads only what the page asked for. `collected` is valid only without errors. */
export function parseDetailsForm(
  form: unknown,
  wanted: WantedDetails,
): { typed: Typed; errors: readonly FormError[]; collected: Collected } {
  const typed: Record<string, string> = {};
  const errors: FormError[] = [];
  const read: ReadValue = (id, check) => {
    const value = readField(form, id);
    typed[id] = value;
    const message = hasControlCharacters(value)
      ? 'Remove the characters that cannot be printed'
      : check(value);
    if (message !== null) errors.push({ field: id, message });
    return value;
  };

  const emailAddress = wanted.email ? read('emailAddress', checkEmail) : null;
  const shippingDetails = wanted.shipping ? readShipping(read) : null;
  const isSame = shippingDetails !== null && wanted.billing && readField(form, sameAddressId) === 'on';
  typed[sameAddressId] = isSame ? 'on' : '';
  const billingAddress = isSame
    ? shippingDetails.address
    : wanted.billing
      ? readAddress('billing', read)
      : null;
  return { typed, errors, collected: { emailAddress, shippingDetails, billingAddress } };
}

function readShipping(read: ReadValue): NonNullable<Collected['shippingDetails']> {
  return {
    name: read('shippingName', checkText('the name of the recipient', 100)),
    address: readAddress('shipping', read),
    deliveryNotes: read('deliveryNotes', checkLength('the delivery notes', 1024)),
  };
}

/** In the order of the page, which the summary of errors follows. */
function readAddress(kind: AddressKind, read: ReadValue): Address {
  const where = kind === 'billing' ? 'of the billing address' : 'of the delivery address';
  const address = {
    address1: read(`${kind}Address1`, checkText(`the first line ${where}`, 100)),
    address2: read(`${kind}Address2`, checkLength(`the second line ${where}`, 100)),
    city: read(`${kind}City`, checkText(`the town or city ${where}`, 100)),
    county: read(`${kind}County`, checkLength(`the county, state or region ${where}`, 100)),
  };
  const countryCode = read(`${kind}CountryCode`, (value) =>
    findCountry(value) === null ? `Choose the country ${where}` : null,
  );
  const postcode = read(`${kind}Postcode`, (value) => checkPostcode(value, countryCode, where));
  return { ...address, countryCode, postcode };
}

function checkEmail(value: string): string | null {
  if (value === '') return 'Enter your e-mail address';
  if (value.length > 254) return 'E-mail address must be 254 characters or fewer';
  const isAddress = /^[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+$/.test(value);
  return isAddress ? null : 'Enter an e-mail address like name@example.com';
}

const britishPostcode = /^[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}$/i;

/** Many countries have no postcodes, so only the United Kingdom requires one. */
function checkPostcode(value: string, countryCode: string, where: string): string | null {
  if (countryCode !== 'GB') return checkLength(`the postcode ${where}`, 50)(value);
  if (value === '') return `Enter the postcode ${where}`;
  return britishPostcode.test(value) ? null : `Enter a full postcode ${where}, like SW1A 1AA`;
}

function checkText(what: string, max: number): (value: string) => string | null {
  return (value) => (value === '' ? `Enter ${what}` : checkLength(what, max)(value));
}

function checkLength(what: string, max: number): (value: string) => string | null {
  return (value) => (value.length <= max ? null : `Shorten ${what} to ${max} characters or fewer`);
}

const codes =
  'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC ' +
  'CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD ' +
  'GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH ' +
  'KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW ' +
  'MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC ' +
  'SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY ' +
  'UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW';

type Country = {
  /** ISO 3166-1 alpha-2. */
  readonly code: string;
  readonly name: string;
};

const names = new Intl.DisplayNames('en-GB', { type: 'region' });
const byCode: ReadonlyMap<string, Country> = new Map(
  codes.split(' ').map((code) => [code, { code, name: names.of(code) ?? code }]),
);

/** Dojo’s markets, where most shoppers are. */
export const likelyCountries: readonly Country[] = ['GB', 'IE'].flatMap((code) => findCountry(code) ?? []);

/** All others, by name. */
export const otherCountries: readonly Country[] = [...byCode.values()]
  .filter((country) => !likelyCountries.includes(country))
  .toSorted((a, b) => a.name.localeCompare(b.name, 'en-GB'));

/** Null if ISO 3166-1 has no such code. */
function findCountry(code: string): Country | null {
  return byCode.get(code.toUpperCase()) ?? null;
}
