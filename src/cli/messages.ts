import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Context } from '../context.ts';
import { type MessageState, messageIdOf, messageStates, parseMessageId } from '../shop/order-messages.ts';
import type { ListedMessage } from '../store/order-store.ts';
import { CommandError } from './command-error.ts';
import { readReference } from './orders.ts';
import { type Answer, jsonOption, type PrintOptions, type Shell } from './shell.ts';

type ListOptions = PrintOptions & { readonly order?: string; readonly state?: MessageState };

export function addMessageCommands(program: Command, shell: Shell): void {
  const messages = program
    .command('messages')
    .description('what your own system hears of orders')
    .helpCommand(false);
  messages
    .command('list')
    .description('show the newest 500 messages, and how each try to send them went')
    .option('--order <reference>', 'those of one order', readReference)
    .addOption(new Option('--state <state>', 'those in one state').choices(messageStates))
    .option(...jsonOption)
    .action((options: ListOptions) => shell.withShop(options, (context) => listMessages(context, options)));
  messages
    .command('resend')
    .description('have the running shop send a message again, under the same id')
    .argument('<id>', 'the message, such as msg_ORD-0SAA1-AJSBQN_2', parseId)
    .option(...jsonOption)
    .action((id: string, options: PrintOptions) =>
      shell.withShop(options, (context) => resendMessage(context, id)),
    );
}

async function listMessages({ store }: Context, { order, state }: ListOptions): Promise<Answer> {
  const listed = await store.listMessages({ orderReference: order ?? null, state: state ?? null });
  const reports = listed.map(reportMessage);
  return { text: reports.map(describeMessage).join('') || 'There are no such messages.\n', data: reports };
}

/** A message as scripts read it: times are ISO 8601, null is what has not happened. */
function reportMessage(message: ListedMessage) {
  const { orderReference, type, state, tries, createdAt, endedAt, nextTryAt, deliveries } = message;
  return {
    id: messageIdOf(message),
    reference: orderReference,
    type,
    state,
    createdAt: createdAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
    tries,
    nextTryAt: nextTryAt?.toISOString() ?? null,
    deliveries: deliveries.map(({ sentAt, ...delivery }) => ({ sentAt: sentAt.toISOString(), ...delivery })),
  };
}

function describeMessage({
  id,
  type,
  state,
  createdAt,
  deliveries,
}: ReturnType<typeof reportMessage>): string {
  const tries = deliveries.map(
    ({ sentAt, answer, latencyMs }) => `  sent ${sentAt}, answered ${answer} after ${latencyMs} ms\n`,
  );
  return `${id}  ${type}  ${state}  ${createdAt}\n${tries.join('')}`;
}

async function resendMessage({ store, now }: Context, id: string): Promise<Answer> {
  const parsed = parseMessageId(id);
  const isThere = parsed !== null && (await store.resendMessage(parsed, now()));
  if (!isThere) throw new CommandError(`There is no message ${id}.`);
  return { text: `The running shop sends ${id} again.\n`, data: { id } };
}

function parseId(text: string): string {
  if (parseMessageId(text) === null)
    throw new InvalidArgumentError('It must be the id of a message, such as msg_ORD-0SAA1-AJSBQN_2.');
  return text;
}
