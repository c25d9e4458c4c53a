import { errorArea } from '../errors/area.ts'

/** Errors about files in restore points; the reading process makes them with the same codes. */
export const fileArea = errorArea('file', {
  damaged: {
    status: 422,
    text: (p: { where: string; what: string }) =>
      `The file system on ${p.where} is damaged: ${p.what}. Restore the disk and repair it there, or look into another restore point.`,
    example: { where: 'xvda, partition 1', what: 'a directory has a name that does not fit' },
  },
  unsupported: {
    status: 422,
    text: (p: { where: string; what: string }) =>
      `${p.where}: ${p.what} cannot be read here. Restore the disk, or give it to a machine that can ("nixen repo serve").`,
    example: { where: 'xvda, partition 2', what: 'LUKS (encrypted)' },
  },
  not_found: {
    status: 404,
    text: (p: { path: string; where: string }) => `There is no "${p.path}" on ${p.where}.`,
    example: { path: '/etc/fstab', where: 'xvda/1' },
  },
  no_volume: {
    status: 404,
    text: (p: { volume: string; volumes: readonly string[] }) =>
      p.volumes.length === 0
        ? 'No volume of the disks can be read. The list of volumes says what each of them holds.'
        : p.volume === ''
          ? `Say which volume. There are: ${p.volumes.join(', ')}.`
          : `There is no volume "${p.volume}". There are: ${p.volumes.join(', ')}.`,
    example: { volume: 'xvda/3', volumes: ['xvda/1', 'vg/root'] },
  },
  not_a_directory: {
    status: 422,
    text: (p: { path: string }) => `"${p.path}" is not a directory.`,
    example: { path: '/etc/fstab' },
  },
  too_many: {
    status: 422,
    text: (p: { where: string; what: string; limit: number }) =>
      `${p.where}: more than ${p.limit} ${p.what}. Ask for less.`,
    example: { where: 'xvda/1', what: 'names in a directory', limit: 5_000_000 },
  },
})
export const fileErrors = fileArea.make
