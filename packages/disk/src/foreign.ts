/** A file of a known kind that holds a disk, or part of one, in a way that is not read here. */
interface ForeignKind {
  readonly name: string
  readonly offset: number
  readonly magic: readonly number[]
}

const ascii = (text: string): number[] => [...new TextEncoder().encode(text)]

// Sources: RFC 1952 §2.3.1, RFC 8878 §3.1.1, the .xz format §2.1.1.1, bzip2's and ZIP's own documents, and the headers of VirtualBox, QED and Parallels.
const kinds: readonly ForeignKind[] = [
  { name: 'compressed with gzip', offset: 0, magic: [0x1f, 0x8b, 0x08] },
  { name: 'compressed with zstd', offset: 0, magic: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: 'compressed with xz', offset: 0, magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  // What follows is the level, one digit, and then the first block's mark.
  { name: 'compressed with bzip2', offset: 4, magic: [0x31, 0x41, 0x59, 0x26, 0x53, 0x59] },
  { name: 'a ZIP archive', offset: 0, magic: [0x50, 0x4b, 0x03, 0x04] },
  { name: 'a VDI image of VirtualBox', offset: 64, magic: [0x7f, 0x10, 0xda, 0xbe] },
  { name: 'a QED image', offset: 0, magic: ascii('QED\0') },
  { name: 'a Parallels image', offset: 0, magic: ascii('WithoutFreeSpace') },
  { name: 'a Parallels image', offset: 0, magic: ascii('WithouFreSpacExt') },
]

/**
 * What a file is when it has the signature of something that is not read: taken for a raw disk, its bytes would be copied as
 * they are, and nobody would notice before the guest does not start.
 */
export function foreignKind(head: Uint8Array): string | undefined {
  return kinds.find(({ offset, magic }) => magic.every((byte, index) => head[offset + index] === byte))?.name
}
