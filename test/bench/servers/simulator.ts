import { createSimulator } from '../../../src/simulator/create-simulator.ts';

await createSimulator({ port: Number(process.env.PORT) });
process.send?.('ready');
