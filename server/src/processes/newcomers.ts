// The one thing that Bun's server does not offer: no connection comes about any more, and those that are there are served.
// Its `stop` closes the port, and with it every connection that has no request on the way at that moment, the ones that were
// made in the very last millisecond and are about to send their first; and with it the kernel resets those that it has made and
// nobody has taken yet. In 20 stops under 120 shoppers who were asked to connect anew, 40 met a reset. So before the port is
// closed the kernel is told to overlook who asks for a connection (a filter on the listening socket that drops SYN, as
// balancers do it with iptables); then it was none. Clients ask again after a second, as for a lost packet, and find the port
// closed.
//
// Linux only, and best effort: where there is no such call, a stop is as it was without.
import { dlopen, FFIType, ptr } from 'bun:ffi';
import { readdirSync, readlinkSync } from 'node:fs';

const OPEN_FILES = '/proc/self/fd';
const LIBRARY = 'libc.so.6';
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SO_ACCEPTCONN = 30;

/** Classic BPF, on the TCP header of whatever comes for the listening socket: code, jump if true, jump if false, operand. */
const FILTER: readonly (readonly [code: number, jt: number, jf: number, k: number])[] = [
  [0x30, 0, 0, 13], // load the flags
  [0x54, 0, 0, 0x12], // of them SYN and ACK
  [0x15, 0, 1, 0x02], // SYN alone: somebody asks for a connection
  [0x06, 0, 0, 0], // drop
  [0x06, 0, 0, 0xffff_ffff], // keep: handshakes under way are finished
];
const HEAD_BYTES = 16;
const INSTRUCTION_BYTES = 8;
const POINTER_AT = 8;

/** Runs what opens a port; the numbers of the sockets that it opened, none where they cannot be seen. */
export function openingSockets<T>(open: () => T): { opened: T; sockets: readonly number[] } {
  const before = new Set(socketsNow());
  const opened = open();
  return { opened, sockets: socketsNow().filter((socket) => !before.has(socket)) };
}

/** True if from now on nobody new comes in through any of these sockets. To be called while they are open. */
export function overlookNewcomers(sockets: readonly number[]): boolean {
  if (sockets.length === 0) return false;
  try {
    const { symbols, close } = dlopen(LIBRARY, {
      getsockopt: {
        args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.ptr],
        returns: FFIType.i32,
      },
      setsockopt: {
        args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32],
        returns: FFIType.i32,
      },
    });
    const listens = (socket: number) => {
      const [answer, length] = [new Int32Array(1), new Uint32Array([Int32Array.BYTES_PER_ELEMENT])];
      return (
        symbols.getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, ptr(answer), ptr(length)) === 0 &&
        answer[0] === 1
      );
    };
    const program = filterProgram();
    const filter = (socket: number) =>
      symbols.setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, ptr(program), HEAD_BYTES) === 0;
    const listening = sockets.filter(listens);
    const done = listening.length > 0 && listening.every(filter);
    close();
    return done;
  } catch {
    return false; // no such library here, or no foreign calls
  }
}

/** struct sock_fprog, how many instructions and where they are, and behind it the instructions. */
function filterProgram(): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + FILTER.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, FILTER.length, true);
  view.setBigUint64(POINTER_AT, BigInt(ptr(bytes)) + BigInt(HEAD_BYTES), true);
  FILTER.forEach(([code, jt, jf, k], index) => {
    const at = HEAD_BYTES + index * INSTRUCTION_BYTES;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k, true);
  });
  return bytes;
}

function socketsNow(): number[] {
  try {
    return readdirSync(OPEN_FILES)
      .filter((file) => isSocket(`${OPEN_FILES}/${file}`))
      .map(Number);
  } catch {
    return []; // no /proc here
  }
}

function isSocket(file: string): boolean {
  try {
    return readlinkSync(file).startsWith('socket:');
  } catch {
    return false; // closed meanwhile: the folder was read through it
  }
}
