import { monitorEventLoopDelay } from 'node:perf_hooks';

// Preloaded into a shop: reports to its parent, on request, how long its event loop was blocked.

const histogram = monitorEventLoopDelay({ resolution: 1 });
histogram.enable();
process.on('message', (message) => {
  if (message !== 'loop-delay') return;
  process.send?.({ p999: histogram.percentile(99.9) / 1e6, longest: histogram.max / 1e6 });
});
// Waiting for that request must not keep the process alive.
process.channel?.unref();
