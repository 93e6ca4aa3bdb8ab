// How many may watch at once. A socket costs memory as long as it is open, and the general limit counts openings a
// minute alone; so their number is bounded, in the process and for each address.

export interface SeatLimits {
  /** In this process. 10,000 sockets take some 100 MB with their buffers. */
  readonly sockets: number;
  /** Of one address; 0 = off. */
  readonly perAddress: number;
}

export class Seats {
  private taken = 0;
  private readonly byAddress = new Map<string, number>();

  constructor(private readonly limits: SeatLimits) {}

  /** An address that is not known (empty) is not counted. */
  take(address: string): 'taken' | 'full' | 'address-full' {
    const { sockets, perAddress } = this.limits;
    if (this.taken >= sockets) return 'full';
    const here = this.byAddress.get(address) ?? 0;
    const counted = address !== '' && perAddress > 0;
    if (counted && here >= perAddress) return 'address-full';
    this.taken += 1;
    if (counted) this.byAddress.set(address, here + 1);
    return 'taken';
  }

  /** Once for each seat that was taken. */
  giveBack(address: string): void {
    this.taken -= 1;
    const here = this.byAddress.get(address);
    if (here === undefined) return;
    if (here > 1) this.byAddress.set(address, here - 1);
    else this.byAddress.delete(address);
  }
}
