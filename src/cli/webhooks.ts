import { type Command, InvalidArgumentError } from 'commander';
import type { DojoClient } from '../dojo/client.ts';
import { DojoError } from '../dojo/errors.ts';
import type { Subscription } from '../dojo/schemas.ts';
import { statusUpdatedEvent } from '../dojo/webhook.ts';
import { CommandError } from './command-error.ts';
import { type Answer, type Home, jsonOption, type PrintOptions, type Shell } from './shell.ts';

export function addWebhookCommands(program: Command, shell: Shell): void {
  const webhooks = program
    .command('webhooks')
    .description('manage the webhooks of your Dojo account')
    .helpCommand(false);
  webhooks
    .command('subscribe')
    .description('have Dojo send webhooks to an address, and print the secret that signs them')
    .argument(
      '<address>',
      'the PUBLIC_URL of the shop and /webhooks/dojo, such as https://shop.example/webhooks/dojo',
      parseAddress,
    )
    .option('--move', 'move the subscription from another address')
    .option(...jsonOption)
    .action(async (url: string, options: PrintOptions & { move?: boolean }) => {
      assertAnswered(url, shell.home());
      const mayMove = options.move ?? false;
      await shell.withDojo(options, (dojo) => subscribeWebhooks(dojo, { url, mayMove }));
    });
  webhooks
    .command('list')
    .description("show the account's subscriptions")
    .option(...jsonOption)
    .action((options: PrintOptions) => shell.withDojo(options, listWebhooks));
}

/**
 * Has Dojo send `payment_intent.status_updated` to an address, and gives the secrets that sign it. Dojo takes one
 * subscription an event: an existing one is used again, and moves from another address only with `mayMove`.
 */
export async function subscribeWebhooks(
  dojo: DojoClient,
  { url, mayMove }: { readonly url: string; readonly mayMove: boolean },
) {
  await assertOffered(dojo);
  const subscription = await arrangeSubscription(dojo, url, mayMove);
  const secrets = await findActiveSecrets(dojo, subscription);
  const { id } = subscription;
  const text = [
    `Dojo sends ${statusUpdatedEvent} to ${url} (${id}).`,
    "Put this line into the shop's environment or .env, then restart the shop:",
    '',
    `DOJO_WEBHOOK_SECRETS=${secrets.join(',')}`,
    '',
  ].join('\n');
  return { text, data: { id, url, event: statusUpdatedEvent, secrets } };
}

/** Secrets are counted, never shown. */
async function listWebhooks(dojo: DojoClient): Promise<Answer> {
  const subscriptions = (await dojo.listSubscriptions()).map(({ id, url, events, secrets }) => ({
    id,
    url: url ?? null,
    events,
    secrets: secrets.length,
    activeSecrets: secrets.filter(isActive).length,
  }));
  if (subscriptions.length === 0) {
    const text =
      'There is no subscription. Make one with: npm run shop -- webhooks subscribe <https address>\n';
    return { text, data: [] };
  }
  const text = subscriptions
    .map(({ id, url, events, secrets, activeSecrets }) =>
      [
        id,
        `  address  ${url ?? 'unknown'}`,
        `  events   ${events.join(', ') || 'unknown'}`,
        `  secrets  ${secrets}, ${activeSecrets} active`,
        '',
      ].join('\n'),
    )
    .join('\n');
  return { text, data: subscriptions };
}

function parseAddress(text: string): string {
  const url = URL.parse(text);
  const isLoopback = url !== null && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  // Dojo takes https only; the simulator also takes http on this machine.
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback)))
    throw new InvalidArgumentError(
      'It must be an https:// address, such as https://shop.example/webhooks/dojo.',
    );
  return url.href;
}

/** Throws `CommandError` unless this shop answers at the address. */
function assertAnswered(address: string, { publicUrl, isLive }: Home): void {
  const { origin, pathname } = new URL(address);
  const home = publicUrl ?? origin;
  const own = isLive ? home.replace(/^http:/, 'https:') : home;
  if (origin === own && /^\/webhooks\/dojo\/?$/i.test(pathname)) return;
  const why = publicUrl === null ? '' : ', since PUBLIC_URL is its origin';
  throw new CommandError(
    `The shop does not answer at ${origin}${pathname}. The address must be ${own}/webhooks/dojo${why}.`,
  );
}

/** A name that the account does not offer would make Dojo refuse the whole subscription with a bare 400. */
async function assertOffered(dojo: DojoClient): Promise<void> {
  const offered = (await dojo.listOfferedEvents()).flatMap((group) => group.events);
  if (!offered.includes(statusUpdatedEvent)) {
    throw new CommandError(
      `This account does not offer ${statusUpdatedEvent}; it offers ${offered.join(', ') || 'no events'}. Ask Dojo to enable it.`,
    );
  }
}

async function arrangeSubscription(dojo: DojoClient, url: string, mayMove: boolean): Promise<Subscription> {
  const existing = (await dojo.listSubscriptions()).find(
    (subscription) => subscription.url === url || subscription.events.includes(statusUpdatedEvent),
  );
  if (existing === undefined) return createSubscription(dojo, url);
  if (existing.url !== url && !mayMove) {
    throw new CommandError(
      `Dojo already sends ${statusUpdatedEvent} to ${existing.url ?? 'an unknown address'} (${existing.id}). Add --move to move it.`,
    );
  }
  const events = [...new Set([...existing.events, statusUpdatedEvent])];
  if (existing.url !== url || events.length !== existing.events.length) {
    await dojo.updateSubscription(existing.id, { url, events });
  }
  return existing;
}

async function createSubscription(dojo: DojoClient, url: string): Promise<Subscription> {
  try {
    return await dojo.createSubscription({ url, events: [statusUpdatedEvent] });
  } catch (error) {
    if (!(error instanceof DojoError) || error.kind !== 'conflict') throw error;
    throw new CommandError(
      `Dojo says that a subscription for ${statusUpdatedEvent} exists, but does not list it. Remove it in the developer portal, then try again.`,
    );
  }
}

async function findActiveSecrets(dojo: DojoClient, { id, secrets }: Subscription): Promise<string[]> {
  const values = (known: Subscription['secrets']) => known.filter(isActive).map((secret) => secret.value);
  if (values(secrets).length > 0) return values(secrets);
  const listed = await dojo.listWebhookSecrets(id);
  if (values(listed.secrets).length > 0) return values(listed.secrets);
  const known = new Set(listed.secrets.map((secret) => secret.id));
  const made = (await dojo.createWebhookSecret(id)).secrets.find((secret) => !known.has(secret.id));
  if (made === undefined)
    throw new CommandError(`Dojo made no secret for ${id}. Make one in the developer portal.`);
  await dojo.activateWebhookSecret(id, made.id);
  return [made.value];
}

/** Dojo may leave the member out. */
function isActive({ isActive: flag }: Subscription['secrets'][number]): boolean {
  return flag !== false;
}
