import { catalogue, formatBytes } from '@nixen/core'

/** Everything that can be wrong with a disk image, a chain of images, or a copy. `path` names the file or the stream. */
export const diskErrors = catalogue('disk', {
  truncated: {
    status: 422,
    text: (p: { path: string; expected: number; received: number }) =>
      `${p.path} ends too early: ${p.expected} bytes are needed and ${p.received} are there. Copy it again.`,
  },
  corrupt: {
    status: 422,
    text: (p: { path: string; what: string; offset?: number | undefined }) =>
      `${p.path} is damaged: ${p.what}${p.offset === undefined ? '' : ` (at byte ${p.offset})`}. Run "nixen disk check" on it, or take another copy.`,
  },
  unsupported: {
    status: 422,
    text: (p: { path: string; feature: string }) =>
      `${p.path} uses ${p.feature}, which is not supported. Convert it with the program that made it.`,
  },
  too_large: {
    status: 422,
    text: (p: { path: string; what: string; size: number | bigint; limit: number }) =>
      `${p.path}: ${p.what} is ${p.size} bytes, and ${formatBytes(p.limit)} is the largest possible. Choose another format or a smaller disk.`,
  },
  unknown_format: {
    status: 422,
    text: (p: { path: string; format?: string | undefined; known: readonly string[] }) =>
      p.format === undefined
        ? `The format of ${p.path} was not recognized. Name it: ${p.known.join(', ')}.`
        : `There is no disk format named ${p.format} for ${p.path}. Use one of: ${p.known.join(', ')}.`,
  },
  not_this_format: {
    status: 422,
    text: (p: { path: string; format: string }) =>
      `${p.path} is not a ${p.format} image. Leave the format out to detect it.`,
  },
  foreign_format: {
    status: 422,
    text: (p: { path: string; kind: string }) =>
      `${p.path} is ${p.kind}, which is not read as a disk. Decompress or convert it first; if its bytes are those of the disk, say that the format is raw.`,
  },
  outside_directory: {
    status: 403,
    text: (p: { path: string; reference: string }) =>
      `${p.path} refers to "${p.reference}", which is outside of the directory that images may come from. Move the files together, or name the directory.`,
  },
  parent_missing: {
    status: 404,
    text: (p: { path: string; reference: string }) =>
      `The image "${p.reference}" that ${p.path} builds on was not found. Put it in the same directory.`,
  },
  parent_mismatch: {
    status: 409,
    text: (p: { path: string; parent: string; what: string }) =>
      `${p.path} builds on another image than ${p.parent}: ${p.what}. Find the right parent, or the data would be mixed up.`,
  },
  chain_loop: {
    status: 422,
    text: (p: { path: string; reference: string }) =>
      `${p.path} refers back to "${p.reference}": this chain of images is a loop and has no data. Find the right parent.`,
  },
  chain_too_deep: {
    status: 422,
    text: (p: { path: string; limit: number }) =>
      `${p.path} builds on more than ${p.limit} images. Merge the chain first.`,
  },
  not_streamable: {
    status: 422,
    text: (p: { path: string; what: string }) =>
      `${p.path} can't be read as a stream: ${p.what}. Store it in a file first.`,
  },
  not_possible: {
    status: 422,
    text: (p: { format: string; operation: string }) => `The format ${p.format} has no way to ${p.operation}.`,
  },
  out_of_range: {
    status: 400,
    text: (p: { offset: number; length: number; size: number }) =>
      `Bytes ${p.offset} to ${p.offset + p.length} are not all on a disk of ${p.size} bytes.`,
  },
  out_of_order: {
    status: 500,
    text: (p: { path: string; offset: number; position: number }) =>
      `${p.path} is written from front to back: byte ${p.offset} came after byte ${p.position}.`,
  },
  changes_unknown: {
    status: 409,
    text: (p: { path: string; since: string }) =>
      `${p.path} can't tell what changed since ${p.since}. Take all of the disk.`,
  },
  size_mismatch: {
    status: 409,
    text: (p: { what: string; size: number; expected: number }) =>
      `${p.what} is ${p.size} bytes where ${p.expected} are needed.`,
  },
  bad_size: {
    status: 400,
    text: (p: { size: number; reason: string }) => `A disk can't be ${p.size} bytes long here: ${p.reason}.`,
  },
  bad_setting: {
    status: 400,
    text: (p: { format: string; setting: string; reason: string }) =>
      `The setting "${p.setting}" can't be used for ${p.format}: ${p.reason}.`,
  },
  exists: {
    status: 409,
    text: (p: { path: string }) => `${p.path} exists. Choose another name, or allow it to be replaced.`,
  },
  not_a_file: {
    status: 400,
    text: (p: { path: string; kind: string }) =>
      `${p.path} is ${p.kind}. An image is read from a file or a block device, and made as a file.`,
  },
  denied: {
    status: 403,
    text: (p: { path: string; operation: string; code: string }) =>
      `${p.path}: ${p.operation} is refused (${p.code}). Check the permissions of the file and its directory.`,
  },
  not_found: { status: 404, text: (p: { path: string }) => `${p.path} was not found.` },
  io: {
    status: 500,
    text: (p: { path: string; operation: string; code?: string | undefined }) =>
      `${p.path}: ${p.operation} failed${p.code ? ` (${p.code})` : ''}. Look at the storage that it is on.`,
  },
})
