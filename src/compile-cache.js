import { enableCompileCache } from 'node:module';

// `node --import` loads this before a program of the shop, so that Node keeps compiled code for the next start. It is JavaScript
// because each thread would load Node's whole type stripping just to read a TypeScript file here.
// Threads and child processes inherit the variable.
process.env.NODE_COMPILE_CACHE ??= 'data/compile-cache';
enableCompileCache(process.env.NODE_COMPILE_CACHE);
