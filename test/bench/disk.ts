import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { median } from './stats.ts';

export type Disk = { readonly syncMicros: number; readonly syncsPerSecond: number };

/** How fast a file that grows by 4 KiB at a time reaches the disk: the least that one durable commit costs. */
export function measureDisk(folder: string): Disk {
  const path = join(folder, 'fdatasync');
  const file = openSync(path, 'w');
  const page = Buffer.alloc(4096, 1);
  const micros: number[] = [];
  try {
    for (let written = 0; written < 300; written += 1) {
      const startedAt = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      micros.push((performance.now() - startedAt) * 1000);
    }
  } finally {
    closeSync(file);
    rmSync(path);
  }
  const syncMicros = median(micros);
  return { syncMicros, syncsPerSecond: 1e6 / syncMicros };
}
