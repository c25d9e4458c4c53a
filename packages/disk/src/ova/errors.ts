import { catalogue } from '@nixen/core'

/** What can be wrong with an OVA or OVF beside damage of the tar file and of the disks in it (`disk.…`). */
export const ovaErrors = catalogue('ova', {
  descriptor: {
    status: 422,
    text: (p: { path: string; problem: string }) => `The OVF descriptor of ${p.path} can't be used: ${p.problem}.`,
  },
  digest: {
    status: 422,
    text: (p: { path: string; file: string; algorithm: string }) =>
      `${p.path} is damaged: ${p.file} does not have the ${p.algorithm} digest that the manifest says. Export or download it again.`,
  },
  no_disk: {
    status: 404,
    text: (p: { path: string; disk: string; known: readonly string[] }) =>
      `${p.path} has no disk "${p.disk}". It has: ${p.known.join(', ') || 'none'}.`,
  },
})
