import { catalogue } from '@nixen/core'

/** What can be wrong with files inside a disk. `where` names the disk or the volume. */
export const fileErrors = catalogue('file', {
  damaged: {
    status: 422,
    text: (p: { where: string; what: string }) =>
      `The file system on ${p.where} is damaged: ${p.what}. Restore the disk and repair it there, or look into another restore point.`,
  },
  unsupported: {
    status: 422,
    text: (p: { where: string; what: string }) =>
      `${p.where}: ${p.what} cannot be read here. Restore the disk, or give it to a machine that can ("nixen repo serve").`,
  },
  not_found: {
    status: 404,
    text: (p: { path: string; where: string }) => `There is no "${p.path}" on ${p.where}.`,
  },
  no_volume: {
    status: 404,
    text: (p: { volume: string; volumes: readonly string[] }) =>
      p.volumes.length === 0
        ? 'No volume of the disks can be read. The list of volumes says what each of them holds.'
        : p.volume === ''
          ? `Say which volume. There are: ${p.volumes.join(', ')}.`
          : `There is no volume "${p.volume}". There are: ${p.volumes.join(', ')}.`,
  },
  not_a_directory: {
    status: 422,
    text: (p: { path: string }) => `"${p.path}" is not a directory.`,
  },
  too_many: {
    status: 422,
    text: (p: { where: string; what: string; limit: number }) =>
      `${p.where}: more than ${p.limit} ${p.what}. Ask for less.`,
  },
})
