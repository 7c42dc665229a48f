/** One question of a form: how a browser asks it, and what is wrong with an answer. */
export type FormField = {
  /** The name in the form, and the id on the page. */
  readonly id: string;
  readonly label: string;
  readonly hint?: string;
  readonly control?: 'text' | 'country' | 'long-text';
  readonly type?: 'text' | 'email';
  readonly inputmode?: 'numeric' | 'email';
  /** HTML, "Autofill": what the browser may fill in. */
  readonly autocomplete: string;
  readonly isOptional?: boolean;
};

/** Links to the field with that id. */
export type FormFault = { readonly field: string; readonly message: string };

/** What goes back into the form, by field. Never a security code. */
export type Typed = Readonly<Record<string, string>>;

/** Longer than any answer may be, so that a page that repeats it stays short. */
const keptLength = 1_100;

/** What was typed into the field; nothing where it came twice or not at all. */
export function readField(form: unknown, id: string): string {
  const value = typeof form === 'object' && form !== null ? Reflect.get(form, id) : undefined;
  return typeof value === 'string' ? value.trim().slice(0, keptLength) : '';
}

/** What no name or address has in it; a line may end where the field is of several lines. */
export function hasControlCharacters(value: string): boolean {
  return /[^\P{Cc}\r\n]/u.test(value);
}
