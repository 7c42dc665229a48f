/** sysexits.h: the configuration is at fault. */
export const configFaultCode = 78;

type Environment = Readonly<Record<string, string | undefined>>;

/** Why the simulator must not run here, each with the mend; none where it may. */
export function findFaults(env: Environment): string[] {
  const faults: string[] = [];
  if (env.NODE_ENV === 'production')
    faults.push(
      'NODE_ENV=production: the simulator takes no money and must not stand in for Dojo in production.',
    );
  if (isLiveKey(env.DOJO_API_KEY ?? ''))
    faults.push('DOJO_API_KEY is a live key (sk_prod_): use a key that begins with sk_sandbox_.');
  if (readPort(env.SIMULATOR_PORT || '4000') === null)
    faults.push('SIMULATOR_PORT must be a port number, 0 to 65535.');
  return faults;
}

export function isLiveKey(key: string): boolean {
  return /^\s*sk_prod_/i.test(key);
}

/** Null where the text is no port. */
export function readPort(text: string): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65_535 ? port : null;
}
