import { catalogue } from '@nixen/core'

/** What can be wrong with a repository of Xen Orchestra. It is only read: nothing here asks for it to be changed. */
export const xoErrors = catalogue('xo', {
  not_a_repository: {
    status: 404,
    text: (p: { path: string }) =>
      `There is no backup of Xen Orchestra in ${p.path}: it has no folder xo-vm-backups, xo-config-backups or xo-pool-metadata-backups.`,
  },
  key_needed: {
    status: 403,
    text: (p: { path: string; algorithm: string }) =>
      `${p.path} is encrypted (${p.algorithm}). Give its key: the 32 characters that were set for the remote in Xen Orchestra.`,
  },
  wrong_key: {
    status: 403,
    text: (p: { path: string }) =>
      `The key does not open ${p.path}. Give the key that was set for this remote in Xen Orchestra.`,
  },
  unknown_cipher: {
    status: 422,
    text: (p: { path: string; algorithm: string }) =>
      `${p.path} says that it is encrypted by "${p.algorithm}", which is not known. Known are chacha20-poly1305 and aes-256-gcm.`,
  },
  damaged: {
    status: 422,
    text: (p: { file: string; what: string }) =>
      `${p.file} is damaged: ${p.what}. What does not need it can still be had.`,
  },
  missing: {
    status: 404,
    text: (p: { file: string }) => `${p.file} is not there. What does not need it can still be had.`,
  },
  outside: {
    status: 422,
    text: (p: { file: string; reference: string }) =>
      `${p.file} refers to "${p.reference}", which is outside of the repository. It is not followed.`,
  },
  chain_broken: {
    status: 422,
    text: (p: { disk: string; what: string }) => `The chain of ${p.disk} is broken: ${p.what}.`,
  },
  no_room: {
    status: 507,
    text: (p: { folder: string }) =>
      `There is no room in ${p.folder} to unpack an export. Name another folder with --work, with room for the largest VM.`,
  },
})
