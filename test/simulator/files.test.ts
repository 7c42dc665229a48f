import { readdirSync } from 'node:fs';
import request from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import { openShop } from '../support/shop.ts';
import { startSimulator } from './support.ts';

const folder = new URL('../../src/simulator/', import.meta.url);
const styles = readdirSync(new URL('public/', folder));
const views = readdirSync(new URL('views/', folder));

test('the simulator serves its style sheets, and the shop serves no file of the simulator', async () => {
  const simulator = await startSimulator();
  const shop = await openShop();
  onTestFinished(() => shop.close());
  expect(styles).toContain('simulator.css');
  for (const file of styles) {
    await request(simulator.url)
      .get(`/${file}`)
      .expect(200)
      .expect('Content-Type', /text\/css/);
  }
  for (const file of [...styles, ...views]) {
    for (const path of [`/static/${file}`, `/static/simulator/${file}`, `/${file}`]) {
      expect([path, (await request(shop.app).get(path)).status]).toEqual([path, 404]);
    }
  }
});
