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

/** Names and addresses that no other machine can have. */
export function isLoopback(hostname: string): boolean {
  return /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/.test(hostname);
}

/** Why nothing can listen there, with the mend; null where the error is of another kind. `another` is how one is chosen. */
export function describeListenError(
  error: unknown,
  at: { readonly port: number; readonly host: string; readonly another: string },
): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${at.port} is in use: end what listens there, or choose another with ${at.another}.`;
    case 'EACCES':
      return `Port ${at.port} may not be used: choose one above 1023 with ${at.another}.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `--host ${at.host} is no address of this machine.`;
    default:
      return null;
  }
}
