/** sysexits.h: the configuration is at fault. */
export const configFaultCode = 78;

type Environment = Readonly<Record<string, string | undefined>>;

/** Why the simulator must not run here, with the mend; null where it may. */
export function findFault(env: Environment): string | null {
  if (env.NODE_ENV === 'production')
    return 'NODE_ENV=production: the simulator takes no money and must not stand in for Dojo in production.';
  if (env.DOJO_API_KEY?.startsWith('sk_prod_'))
    return 'DOJO_API_KEY is a live key (sk_prod_): use a key that begins with sk_sandbox_.';
  if (readPort(env.SIMULATOR_PORT || '4000') === null)
    return 'SIMULATOR_PORT must be a port number, 0 to 65535.';
  return null;
}

/** Null where the text is no port. */
export function readPort(text: string): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65_535 ? port : null;
}
