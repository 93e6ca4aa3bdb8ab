// What a page may know of its own token: whose it is, and until when it is good. The service checks it; this only
// saves a request that would be refused.

export interface TokenFacts {
  readonly subject: string;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
  readonly scopes: readonly string[];
}

/** undefined if this is no JWT with the claims that the service asks for. */
export function readToken(token: string): TokenFacts | undefined {
  const payload = token.trim().split('.')[1];
  if (payload === undefined) return undefined;
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (c) =>
      c.charCodeAt(0),
    );
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof claims !== 'object' || claims === null) return undefined;
    const { sub, exp, scope } = claims as Record<string, unknown>;
    if (typeof sub !== 'string' || typeof exp !== 'number') return undefined;
    const scopes = typeof scope === 'string' ? scope.split(' ') : [];
    return { subject: sub, expiresAtMs: exp * 1000, scopes };
  } catch {
    return undefined;
  }
}
