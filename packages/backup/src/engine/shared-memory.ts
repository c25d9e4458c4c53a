// The types of WebAssembly come with the library for browsers, which is left out here.
declare const WebAssembly: {
  readonly Memory: new (limits: { initial: number; maximum: number; shared: true }) => {
    readonly buffer: SharedArrayBuffer
  }
}

const wasmPage = 65_536

/** Shared memory that starts on a page, as direct I/O wants it. */
export function sharedMemory(bytes: number): SharedArrayBuffer {
  const pages = Math.ceil(bytes / wasmPage)
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer
}
