// The short way for the token that nearly every shopper sends: HS256 under the configured secret, with a header that jose
// has accepted before and claims of the plainest form. It can only say yes, and only where jose would; all else is
// jose's to judge, every refusal included. What it spares and why that is safe: docs/decisions/0010.
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

export interface PlainRules {
  readonly issuer: string;
  readonly audience: string;
  readonly clockToleranceSeconds: number;
}

/** An issuer writes one header, perhaps another for each of its keys. */
const MAX_HEADERS = 8;
const BASE64URL = { alphabet: 'base64url' } as const;
/** 32 bytes in base64url. */
const SIGNATURE_LENGTH = 43;
/** What jose decodes claims with. */
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

export class PlainTokens {
  /** Encoded headers of tokens that jose found good under this secret: about an equal one it would say the same. */
  private readonly headers = new Set<string>();
  private readonly secret: KeyObject;
  private readonly expected = Buffer.alloc(SIGNATURE_LENGTH);
  private readonly given = Buffer.alloc(SIGNATURE_LENGTH);

  constructor(
    secret: Uint8Array,
    private readonly rules: PlainRules,
  ) {
    this.secret = createSecretKey(secret);
  }

  /** jose has found this token good, by HS256 under this secret. */
  learn(token: string): void {
    if (this.headers.size < MAX_HEADERS) this.headers.add(token.slice(0, token.indexOf('.')));
  }

  /** The claims of a token that jose would find good; undefined says nothing of it. */
  claimsOf(token: string): Readonly<Record<string, unknown>> | undefined {
    const headerEnd = token.indexOf('.');
    const signedEnd = token.lastIndexOf('.');
    if (!this.headers.has(token.slice(0, headerEnd))) return undefined;
    if (!this.isSigned(token.slice(0, signedEnd), token.slice(signedEnd + 1))) return undefined;
    try {
      const bytes = Uint8Array.fromBase64(token.slice(headerEnd + 1, signedEnd), BASE64URL);
      const claims = JSON.parse(strictUtf8.decode(bytes));
      return this.arePlain(claims) ? claims : undefined;
    } catch {
      return undefined; // jose says what is wrong with it.
    }
  }

  /** In constant time, and over the text: of several spellings of one signature only the canonical one is taken. */
  private isSigned(signed: string, signature: string): boolean {
    const { expected, given } = this;
    // As many bytes as characters: ASCII, every one of them.
    if (signature.length !== SIGNATURE_LENGTH || given.write(signature) !== SIGNATURE_LENGTH) return false;
    expected.write(createHmac('sha256', this.secret).update(signed).digest('base64url'));
    return timingSafeEqual(given, expected);
  }

  private arePlain(claims: Readonly<Record<string, unknown>> | null): boolean {
    if (claims === null) return false;
    const { issuer, audience, clockToleranceSeconds } = this.rules;
    const { iss, aud, exp, nbf } = claims;
    if (iss !== issuer || aud !== audience || nbf !== undefined || typeof exp !== 'number') return false;
    return exp > Math.floor(Date.now() / 1000) - clockToleranceSeconds;
  }
}
