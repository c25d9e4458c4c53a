// Direct I/O (O_DIRECT) moves bytes between the disk and memory that starts on a page. Node's own buffers do not promise that, but the
// memory of WebAssembly does. Direct I/O into reused buffers also avoids the first touch of fresh page-cache pages, the slowest part
// of a large copy in a virtual machine.

// The types of WebAssembly come with the library for browsers, which is left out here.
declare const WebAssembly: {
  readonly Memory: {
    new (limits: { initial: number; maximum: number }): { readonly buffer: ArrayBuffer }
    new (limits: { initial: number; maximum: number; shared: true }): { readonly buffer: SharedArrayBuffer }
  }
}

const wasmPage = 65_536

/** Alignment of memory, offset and length that direct I/O needs, in bytes; suits disks with sectors of 512 and of 4096 bytes. */
export const directAlignment = 4096

// The buffers made here; only their bytes may be used for direct I/O.
const aligned = new WeakSet<ArrayBufferLike>()

/** `count` zeroed arrays of `length` bytes each, that start on a page: files are read into them and written from them without copying. */
export function alignedBuffers(count: number, length: number): Uint8Array[] {
  const stride = Math.ceil(length / directAlignment) * directAlignment
  const pages = Math.ceil((stride * count) / wasmPage)
  const buffer = pageAligned(pages)
  return Array.from({ length: count }, (_, index) => new Uint8Array(buffer, index * stride, length))
}

function pageAligned(pages: number): ArrayBuffer {
  try {
    const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages })
    aligned.add(buffer)
    return buffer
  } catch (error) {
    // Each one reserves some GiB of addresses, which a limit on the process (ulimit -v) may forbid: then without direct I/O.
    if (!(error instanceof RangeError)) throw error
    return new ArrayBuffer(pages * wasmPage)
  }
}

/** At least `length` zeroed bytes that start on a page, in memory that threads share. Pieces of it at page offsets can be moved by direct I/O. */
export function sharedAlignedMemory(length: number): SharedArrayBuffer {
  const pages = Math.ceil(length / wasmPage)
  try {
    const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
    aligned.add(buffer)
    return buffer
  } catch (error) {
    // As above: without direct I/O.
    if (!(error instanceof RangeError)) throw error
    return new SharedArrayBuffer(pages * wasmPage)
  }
}

/** Whether `bytes` can be moved by direct I/O at `offset` of a file. */
export function isDirectable(bytes: Uint8Array, offset: number): boolean {
  return (
    aligned.has(bytes.buffer) &&
    bytes.byteOffset % directAlignment === 0 &&
    bytes.length % directAlignment === 0 &&
    offset % directAlignment === 0
  )
}
