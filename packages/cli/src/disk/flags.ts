import type { CreateDiskOptions, OpenDiskOptions } from '@nixen/disk'
import { settingParser, textParser } from '../parse.ts'

/** Flags of every command that opens an image. */
export interface OpenFlags {
  readonly format?: string
  readonly directory?: string
  readonly disk?: string
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
  disk: {
    kind: 'parsed',
    parse: textParser,
    brief: 'Which disk of an XVA or OVA that holds several; the first when left out',
    placeholder: 'NAME',
    optional: true,
  },
} as const

/** How the library is told the same. */
export function openOptions({ format, directory, disk }: OpenFlags, signal: AbortSignal): OpenDiskOptions {
  return { format, directory, disk, signal }
}

/** Flags of every command that makes an image. */
export interface TargetFlags {
  readonly to?: string
  readonly set?: readonly (readonly [string, string | number | boolean])[]
  readonly force: boolean
}

export const targetFlags = {
  to: {
    kind: 'parsed',
    parse: textParser,
    brief: 'Format of the new image; from the ending of its name when left out',
    placeholder: 'NAME',
    optional: true,
  },
  set: {
    kind: 'parsed',
    parse: settingParser,
    brief: 'A setting of the new image, for example compression=zstd; may be repeated',
    placeholder: 'NAME=VALUE',
    variadic: true,
    optional: true,
  },
  force: {
    kind: 'boolean',
    brief: 'Replace a file that exists; it stays until the new one is complete',
    default: false,
  },
} as const

/** How the library is told the same. */
export function targetOptions(
  { to, set, force }: TargetFlags,
  { size, signal }: { readonly size: number; readonly signal: AbortSignal },
): CreateDiskOptions {
  return { format: to, size, settings: Object.fromEntries(set ?? []), replace: force, signal }
}

/** One image as the only argument. */
export const imageArgument = {
  kind: 'tuple',
  parameters: [{ brief: 'Image file or block device', parse: textParser, placeholder: 'IMAGE' }],
} as const
