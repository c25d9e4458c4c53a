import { catalogue } from '@nixen/core'

/** What can be wrong with an XVA beside damage of the tar file around it (`disk.corrupt`, `disk.truncated`). */
export const xvaErrors = catalogue('xva', {
  checksum: {
    status: 422,
    text: (p: { path: string; chunk: string; offset: number; expected: string; actual: string }) =>
      `${p.path} is damaged: ${p.chunk} (disk offset ${p.offset}) has the checksum ${p.actual} instead of ${p.expected}. Export the VM again, or ignore checksums to save what can be saved.`,
  },
  not_first: {
    status: 422,
    text: (p: { path: string; found: string }) =>
      `${p.path} is not an XVA: it starts with "${p.found}" where ova.xml belongs.`,
  },
  unexpected: {
    status: 422,
    text: (p: { path: string; found: string; expected: string }) =>
      `${p.path} holds "${p.found}" where ${p.expected} was expected.`,
  },
  metadata: {
    status: 422,
    text: (p: { path: string; problem: string }) => `The ova.xml of ${p.path} can't be used: ${p.problem}.`,
  },
  no_disk: {
    status: 404,
    text: (p: { path: string; disk: string; known: readonly string[] }) =>
      `${p.path} has no disk "${p.disk}". It has: ${p.known.join(', ') || 'none'}.`,
  },
  passed: {
    status: 500,
    text: (p: { path: string; disk: string }) =>
      `The disk ${p.disk} of ${p.path} was passed over already: a stream comes only once.`,
  },
})
