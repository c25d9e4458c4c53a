/** A file, link or folder of an archive; paths without a leading slash. */
export interface CpioEntry {
  readonly path: string
  readonly kind: 'file' | 'folder' | 'link'
  /** Content of a file, target of a link. */
  readonly content?: Uint8Array | string
  readonly executable?: boolean
}

const modes = { file: 0o100_644, folder: 0o40_755, link: 0o120_777 } as const

/** An archive in the form that kernels unpack (`newc`, Documentation/driver-api/early-userspace/buffer-format.rst). Folders come before what is in them. */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = []
  const all: readonly CpioEntry[] = [...entries, { path: 'TRAILER!!!', kind: 'file' }]
  for (const [index, entry] of all.entries()) {
    const body = Buffer.from(entry.content ?? '')
    const name = Buffer.from(`${entry.path}\0`)
    const mode = modes[entry.kind] | (entry.executable ? 0o111 : 0)
    // Inode, mode, uid, gid, links, time, size, device and its number twice, length of the name, checksum.
    const fields = [index + 1, mode, 0, 0, 1, 0, body.length, 0, 0, 0, 0, name.length, 0]
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`
    parts.push(padded(Buffer.concat([Buffer.from(header), name])), padded(body))
  }
  return Buffer.concat(parts)
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
}
