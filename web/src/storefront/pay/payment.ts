// A payment that is none: it stands where a shop's payment provider would, and can succeed, fail or take its time.

export type PaymentKind = 'succeeds' | 'fails' | 'slow';

export const PAYMENT_MS: Readonly<Record<PaymentKind, number>> = {
  succeeds: 900,
  fails: 900,
  // Longer than some reservations have left: what extending is for.
  slow: 12_000,
};

export interface Payment {
  readonly outcome: 'paid' | 'declined';
  /** The provider's name for it; kept with the order. */
  readonly reference: string;
}

/** @throws if `signal` ends it first. */
export function pay(kind: PaymentKind, signal: AbortSignal): Promise<Payment> {
  const reference = `sim_${crypto.randomUUID()}`;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => resolve({ outcome: kind === 'fails' ? 'declined' : 'paid', reference }),
      PAYMENT_MS[kind],
    );
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
