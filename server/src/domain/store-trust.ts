// Whom a connection to a store believes, and what to tell an operator when it does not. Both stores' rooms stand on it,
// so that the same fault has the same words. No word of the other side's is repeated: it may not be who it says it is.

/** PEM, of one store. */
export interface StoreCertificates {
  /** Who may have issued the store's certificate. Null: the public authorities. */
  readonly authorities: string | null;
  /** What this service shows to a store that asks for it. */
  readonly own: { readonly certificate: string; readonly key: string } | null;
}

export const NO_CERTIFICATES: StoreCertificates = { authorities: null, own: null };

/** Where an operator sets what a sentence tells them to set. */
export type StoreSettings = 'REDIS' | 'DATABASE';

/** What OpenSSL's names (openssl-verification-options(1)) and the alerts of RFC 8446, section 6 mean here. */
const REASONS: readonly (readonly [code: RegExp, words: (store: StoreSettings) => string])[] = [
  [/^CERT_HAS_EXPIRED$/, () => 'its certificate has expired; renew it on the server'],
  [/^CERT_NOT_YET_VALID$/, () => 'its certificate is not valid yet; look at both clocks'],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    (store) =>
      `its certificate is for another host; write ${store}_URL with a name that the certificate has, or have one issued for this name`,
  ],
  [
    /ALERT_(?:CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|ACCESS_DENIED)$/,
    (store) =>
      `it wants a certificate of ours from an authority that it knows; set HOLDFAST_${store}_CERT_FILE and HOLDFAST_${store}_KEY_FILE`,
  ],
  [
    /^(?:UNABLE_TO_(?:GET_ISSUER|VERIFY_LEAF)\w*|(?:DEPTH_ZERO_)?SELF_SIGNED_CERT\w*|CERT_(?:UNTRUSTED|SIGNATURE_FAILURE)|INVALID_CA)$/,
    (store) =>
      `nobody who is trusted here issued its certificate; give the authority's in HOLDFAST_${store}_CA_FILE`,
  ],
  [/^(?:ERR_SSL|ERR_TLS|CERT|INVALID)_\w+$/, () => 'no encrypted connection could be agreed on'],
];

/** Why the store was not believed, or did not believe us, and what to do; undefined for an error of another kind. */
export function whyNotTrusted(error: unknown, store: StoreSettings): string | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = REASONS.find(([pattern]) => pattern.test(code));
  return reason && `${reason[1](store)} (${code})`;
}
