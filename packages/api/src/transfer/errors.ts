import { errorArea } from '../errors/area.ts'

/** Errors of imports, exports and uploads. */
export const transferArea = errorArea('transfer', {
  checksum: {
    status: 422,
    text: (p: { what: string; expected: string; actual: string }) =>
      `${p.what} has the SHA-256 ${p.actual}, not ${p.expected}. Nothing of it was kept: get the file again, or correct the checksum.`,
    example: { what: 'The upload', expected: '9f86d081…', actual: '60303ae2…' },
  },
  cut: {
    status: 400,
    retryable: true,
    text: (p: { what: string; received: number; expected?: number | undefined }) =>
      `${p.what} ended after ${p.received} bytes${p.expected === undefined ? '' : ` of ${p.expected}`}. Nothing of it was kept; start it again.`,
    example: { what: 'The upload', received: 1_048_576, expected: 4_194_304 },
  },
  bad_image: {
    status: 422,
    text: (p: { what: string; reason: string }) => `${p.what} cannot be imported: ${p.reason}`,
    example: { what: 'The upload', reason: 'The VHD has a damaged footer.' },
  },
  unknown_format: {
    status: 422,
    text: (p: { what: string; known: readonly string[] }) =>
      `${p.what} is in none of the formats ${p.known.join(', ')}. Say which format it is in, if you know it.`,
    example: { what: 'The upload', known: ['xva', 'ova', 'ovf'] },
  },
  size_needed: {
    status: 400,
    text: () =>
      'How large the raw disk is cannot be told before its end. Send its length (Content-Length), or say its size.',
    example: undefined,
  },
  other_size: {
    status: 409,
    text: (p: { disk: string; size: number; image: number }) =>
      `The image has a disk of ${p.image} bytes, "${p.disk}" has ${p.size}. Import it into a new disk.`,
    example: { disk: 'web-01 data', size: 10_737_418_240, image: 21_474_836_480 },
  },
  not_empty: {
    status: 409,
    text: (p: { disk: string }) =>
      `What "${p.disk}" holds would be lost. Detach it from all VMs, and delete or move their snapshots.`,
    example: { disk: 'web-01 data' },
  },
  wrong_storage: {
    status: 409,
    text: (p: { storage: string; reason: string }) => `"${p.storage}" cannot take it: ${p.reason}`,
    example: { storage: 'ISO library', reason: 'it does not hold disks of VMs.' },
  },
  cache_full: {
    status: 507,
    text: (p: { limit: number }) =>
      `More than ${p.limit} bytes would have to be kept on the server meanwhile. Wait for other transfers, remove old uploads, or raise transfer.cache_limit.`,
    example: { limit: 107_374_182_400 },
  },
  url_not_allowed: {
    status: 403,
    text: (p: { host: string }) =>
      `Nothing is fetched from ${p.host}: it is not among transfer.allowed_hosts. An administrator can add it.`,
    example: { host: 'downloads.example.net' },
  },
  source_failed: {
    status: 502,
    retryable: true,
    text: (p: { url: string; reason: string }) => `${p.url} cannot be fetched: ${p.reason}`,
    example: { url: 'https://downloads.example.net/debian.iso', reason: 'it answers 404.' },
  },
  upload_not_found: {
    status: 404,
    text: (p: { id: string }) =>
      `There is no upload ${p.id}, or it is not yours. What nobody goes on with is removed after a day.`,
    example: { id: 'b7m2x9q4k1zd' },
  },
  wrong_offset: {
    status: 409,
    text: (p: { id: string; offset: number; given: number }) =>
      `The upload ${p.id} goes on at byte ${p.offset}, not at ${p.given}.`,
    example: { id: 'b7m2x9q4k1zd', offset: 1_048_576, given: 0 },
  },
  upload_busy: {
    status: 409,
    retryable: true,
    text: (p: { id: string }) =>
      `Somebody is writing to the upload ${p.id} or using it. Try again when that has ended.`,
    example: { id: 'b7m2x9q4k1zd' },
  },
  upload_too_long: {
    status: 413,
    text: (p: { id: string; size: number }) => `The upload ${p.id} was announced with ${p.size} bytes; more came.`,
    example: { id: 'b7m2x9q4k1zd', size: 4_194_304 },
  },
  upload_incomplete: {
    status: 409,
    text: (p: { id: string; offset: number; size: number }) =>
      `${p.offset} of ${p.size} bytes of the upload ${p.id} have come. Send the rest first.`,
    example: { id: 'b7m2x9q4k1zd', offset: 1_048_576, size: 4_194_304 },
  },
})
export const transferErrors = transferArea.make
