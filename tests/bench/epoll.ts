/**
 * Raw TCP sockets over epoll, by libc's own functions: what a load client needs so that it is not
 * itself what is measured. Linux on 64-bit little-endian machines alone; touches nothing else.
 *
 * Measured with Deno 2.9: a call costs 0.1 us beside what the kernel takes, where a read by
 * `Deno.connect` costs some 10.
 *
 * @module
 */

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const MSG_NOSIGNAL = 0x4000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;

/** What a socket is ready for. */
export const READABLE = 1;
export const WRITABLE = 4;

/** Of x86-64 alone is an event packed: 4 bytes of what happened, 8 of the socket. */
const PACKED = Deno.build.arch === "x86_64";
const EVENT_BYTES = PACKED ? 12 : 16;
const EVENT_DATA = PACKED ? 1 : 2;

/** Events taken at a time. */
const EVENTS = 1_024;

const libc = () =>
  Deno.dlopen("libc.so.6", {
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
    send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
    recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
    close: { parameters: ["i32"], result: "i32" },
    epoll_create1: { parameters: ["i32"], result: "i32" },
    epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
    epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  });

/** Sockets and what they are ready for. Every number given and taken is a file descriptor. */
export interface Sockets extends Disposable {
  /** Begins a connection to a port of 127.0.0.1; it stands once the socket is writable. */
  connect(port: number): number;
  /** Sends what fits. Gives how many bytes were taken; below 0 where none are just now. */
  send(fd: number, bytes: Uint8Array): number;
  /** Receives into `bytes`. Gives how many came; 0 at the end, below 0 where there are none now. */
  receive(fd: number, bytes: Uint8Array): number;
  /** Asks to be told of writability, or no longer. */
  wantWritable(fd: number, want: boolean): void;
  close(fd: number): void;
  /** Waits up to so many milliseconds and tells what happened. */
  poll(
    milliseconds: number,
    ready: (fd: number, readable: boolean, writable: boolean) => void,
  ): void;
}

/** Opens libc and an epoll. */
export function openSockets(): Sockets {
  const library = libc();
  const c = library.symbols;
  const epoll = c.epoll_create1(0);
  if (epoll < 0) throw new Error("epoll is not there");
  const events = new Uint8Array(EVENTS * EVENT_BYTES);
  const eventWords = new Uint32Array(events.buffer);
  const one = new Uint8Array(EVENT_BYTES);
  const oneWords = new Uint32Array(one.buffer);
  const yes = new Uint8Array(new Int32Array([1]).buffer);
  const watch = (operation: number, fd: number, what: number) => {
    oneWords[0] = what;
    oneWords[EVENT_DATA] = fd;
    if (c.epoll_ctl(epoll, operation, fd, one) !== 0) throw new Error("a socket is not watched");
  };
  return {
    connect(port) {
      const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      if (fd < 0) throw new Error("no more sockets: raise the limit of open files (ulimit -n)");
      c.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, yes, 4);
      const address = new Uint8Array([
        AF_INET,
        0,
        port >> 8,
        port & 255,
        127,
        0,
        0,
        1,
        ...new Array(8).fill(0),
      ]);
      // Mostly "in progress"; a refusal shows as a socket that has ended.
      c.connect(fd, address, address.length);
      watch(EPOLL_CTL_ADD, fd, READABLE | WRITABLE);
      return fd;
    },
    send: (fd, bytes) => Number(c.send(fd, bytes, BigInt(bytes.length), MSG_NOSIGNAL)),
    receive: (fd, bytes) => Number(c.recv(fd, bytes, BigInt(bytes.length), 0)),
    wantWritable: (fd, want) => watch(EPOLL_CTL_MOD, fd, want ? READABLE | WRITABLE : READABLE),
    close: (fd) => void c.close(fd),
    poll(milliseconds, ready) {
      const count = c.epoll_wait(epoll, events, EVENTS, milliseconds);
      for (let i = 0; i < count; i++) {
        const at = i * EVENT_BYTES / 4;
        const what = eventWords[at]!;
        // Errors and hang-ups show when one reads.
        ready(eventWords[at + EVENT_DATA]!, (what & ~WRITABLE) !== 0, (what & WRITABLE) !== 0);
      }
    },
    [Symbol.dispose]() {
      c.close(epoll);
      library.close();
    },
  };
}
