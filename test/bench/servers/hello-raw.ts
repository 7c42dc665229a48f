import { createServer } from 'node:http';
import { serve } from './ready.ts';

serve(
  createServer((_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 5 }).end('hello');
  }),
);
