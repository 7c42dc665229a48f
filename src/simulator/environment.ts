/** EX_CONFIG of sysexits.h. */
export const configErrorCode = 78;

type Environment = Readonly<Record<string, string | undefined>>;

/** Why the simulator must not run in this environment, each with its fix; empty if it may. */
export function findEnvironmentErrors(env: Environment): string[] {
  const errors: string[] = [];
  if (env.NODE_ENV === 'production')
    errors.push(
      'NODE_ENV=production: the simulator takes no money and must not stand in for Dojo in production.',
    );
  if (isLiveKey(env.DOJO_API_KEY ?? ''))
    errors.push('DOJO_API_KEY is a live key (sk_prod_): use a key that begins with sk_sandbox_.');
  if (readPort(env.SIMULATOR_PORT || '4000') === null)
    errors.push('SIMULATOR_PORT must be a port number, 0 to 65535.');
  return errors;
}

export function isLiveKey(key: string): boolean {
  return /^\s*sk_prod_/i.test(key);
}

/** Null if the text is not a port number. */
export function readPort(text: string): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65_535 ? port : null;
}

/** Names and addresses that always mean this machine. */
export function isLoopback(hostname: string): boolean {
  return /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/.test(hostname);
}

/** Why the server cannot listen, with the fix; null for any other error. `another` names the way to choose another port. */
export function describeListenError(
  error: unknown,
  at: { readonly port: number; readonly host: string; readonly another: string },
): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${at.port} is in use: stop the process that listens there, or choose another port with ${at.another}.`;
    case 'EACCES':
      return `Port ${at.port} needs privileges: choose a port above 1023 with ${at.another}.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `--host ${at.host} is not an address of this machine.`;
    default:
      return null;
  }
}
