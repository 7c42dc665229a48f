/** What a browser shows of a page: the most telling words first. */
export function pageTitle(words: string): string {
  return `${words} – Pretend Pay simulator`;
}
