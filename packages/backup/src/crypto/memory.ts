/** Memory of at least this size is never a part of Node's pool of small buffers. */
const ownFrom = 96 * 1024

/**
 * Gives the memory of a buffer back at once, where the garbage collector would let tens of MiB of them pile up: calls of zlib and of ciphers return a new buffer
 * each time. Nothing may use `bytes` or other views of its memory afterwards; small buffers, which may share their memory, are left alone.
 */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= ownFrom) buffer.transfer(0)
}
