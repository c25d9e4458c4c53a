import type { OpenDiskOptions } from '@nixen/disk'
import { textParser } from '../parse.ts'

/** Flags of every command that opens an image. */
export interface OpenFlags {
  readonly format?: string
  readonly directory?: string
}

export const openFlags = {
  format: {
    kind: 'parsed',
    parse: textParser,
    brief: 'Format of the image; found out from its bytes when left out',
    placeholder: 'NAME',
    optional: true,
  },
  directory: {
    kind: 'parsed',
    parse: textParser,
    brief: "Where backing files and parents may be; the image's own directory when left out",
    placeholder: 'DIR',
    optional: true,
  },
} as const

/** How the library is told the same. */
export function openOptions({ format, directory }: OpenFlags, signal: AbortSignal): OpenDiskOptions {
  return { format, directory, signal }
}

/** One image as the only argument. */
export const imageArgument = {
  kind: 'tuple',
  parameters: [{ brief: 'Image file or block device', parse: textParser, placeholder: 'IMAGE' }],
} as const
