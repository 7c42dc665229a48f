import { createServer } from 'node:http';
import express from 'express';
import { serve } from './ready.ts';

const app = express();
app.get('/', (_req, res) => {
  res.send('hello');
});
serve(createServer(app));
