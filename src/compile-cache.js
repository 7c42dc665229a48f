import { enableCompileCache } from 'node:module';

// Loaded before a program of the shop (`node --import`): what Node has compiled is kept for the next start. In JavaScript, since
// for a file in TypeScript the whole of Node's type stripping would be loaded, in each thread, to read this one.
// Threads and child processes have it from the environment.
process.env.NODE_COMPILE_CACHE ??= 'data/compile-cache';
enableCompileCache(process.env.NODE_COMPILE_CACHE);
