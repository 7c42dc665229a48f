import { describe, expect, test } from 'vitest';
import { runShop, usageError } from './run-shop.ts';

describe.concurrent('a merchant who mistypes', () => {
  test.each(['12.345', '1e3', '-1', '£5', '', '0', '1,50', ' 5', '5.', '1234567890'])(
    'the amount as %j moves no money',
    async (amount) => {
      expect(await runShop(['orders', 'refund', 'ORD-0SAA1-AJSBQN', '--amount', amount])).toEqual(
        usageError(/--amount.*more than 0, with at most two decimals, such as 12\.50/),
      );
    },
  );

  test.each([
    [['orders', 'refund', 'X', '--ammount', '3'], /unknown option '--ammount' \(Did you mean --amount\?\)/],
    [['orders', 'refnd', 'X', '--amount', '3'], /unknown command 'refnd' \(Did you mean refund\?\)/],
    [['order', 'show', 'X'], /unknown command 'order' \(Did you mean orders\?\)/],
    [['orders', 'constructor', 'X'], /unknown command 'constructor'/],
    [['orders', 'refund', 'X', 'Y', '--amount', '3'], /too many arguments for 'refund'/],
    [['orders', 'refund', 'X', '--amount', '3', '--amount', '4'], /Give one amount/],
    [['orders', 'refund', 'X', '--amount'], /'--amount <amount>' argument missing/],
    [['orders', 'refund', 'X'], /required option '--amount <amount>'/],
    [['orders', 'refund', '--amount', '3'], /missing required argument 'reference'/],
    [['orders', 'show'], /missing required argument 'reference'/],
    [['orders', 'show', 'X', 'Y'], /too many arguments for 'show'/],
    [['orders', 'undo', 'X', 'Y'], /too many arguments for 'undo'/],
    [['orders', 'decide', 'X', 'accept', 'Y', '--reason', 'x'], /too many arguments for 'decide'/],
    [
      ['orders', 'refund', 'X', '--amount', '3', '--payment', '0'],
      /--payment.*number of a payment, such as 2/,
    ],
    [
      ['orders', 'ship', 'X', '--tracking-url', 'http://t.example/1'],
      /--tracking-url.*must be an https:\/\/ address/,
    ],
    [['orders', 'ship', 'X', '--tracking-url', 'javascript:alert(1)'], /must be an https:\/\/ address/],
    [['orders', 'ship', 'X', '--carrier', ''], /--carrier.*must be 1 to 100 characters on one line/],
    [['messages', 'list', '--state', 'late'], /Allowed choices are waiting, delivered, dropped, abandoned/],
    [['messages', 'resend', 'msg_1'], /must be the id of a message, such as msg_ORD-0SAA1-AJSBQN_2/],
    [['messages', 'resend'], /missing required argument 'id'/],
    [['reconcile', '--chek'], /unknown option '--chek'/],
    [['replay'], /required option '--check'/],
    [['replay', '--chek'], /unknown option '--chek' \(Did you mean --check\?\)/],
  ])('as %j reads in one line what is wrong', async (args, words) => {
    expect(await runShop(args)).toEqual(usageError(words));
  });
});
