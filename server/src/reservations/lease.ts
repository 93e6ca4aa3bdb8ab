// What the gate and a rebuild agree on about leases (protocols §6).

/** A lease ends this long after a TIME of the server that was read before the ledger was. */
export const LEASE_MS = 1_500;

/** Where both report: a structural part of the service's log. */
export interface GateLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
