import { monitorEventLoopDelay } from 'node:perf_hooks';

// Loaded into a shop: tells its parent, when asked, for how long its event loop was held up.

const histogram = monitorEventLoopDelay({ resolution: 1 });
histogram.enable();
process.on('message', (message) => {
  if (message !== 'loop-delay') return;
  process.send?.({ p999: histogram.percentile(99.9) / 1e6, longest: histogram.max / 1e6 });
});
// Waiting for that question alone keeps no process alive.
process.channel?.unref();
