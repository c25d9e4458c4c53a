import { commonFlags, lazyCommand } from '../command.ts'
import { textParser } from '../parse.ts'
import { listenFlags } from '../serving.ts'
import { imageArgument, openFlags, targetFlags } from './flags.ts'

const twoImages = (first: string, second: string) =>
  ({
    kind: 'tuple',
    parameters: [
      { brief: first, parse: textParser, placeholder: 'A' },
      { brief: second, parse: textParser, placeholder: 'B' },
    ],
  }) as const

const info = lazyCommand(async () => (await import('./info.ts')).info, {
  parameters: { flags: { ...commonFlags, ...openFlags }, positional: imageArgument },
  docs: { brief: 'Say what an image is: format, sizes, what it builds on' },
})

const convert = lazyCommand(async () => (await import('./convert.ts')).convertCommand, {
  parameters: {
    flags: {
      ...commonFlags,
      ...openFlags,
      ...targetFlags,
    },
    positional: {
      kind: 'tuple',
      parameters: [
        { brief: 'Image to read', parse: textParser, placeholder: 'IMAGE' },
        { brief: 'Image to make', parse: textParser, placeholder: 'TARGET' },
      ],
    },
  },
  docs: { brief: 'Copy a disk into a new image of any format' },
})

const compare = lazyCommand(async () => (await import('./compare.ts')).compareCommand, {
  parameters: {
    flags: { ...commonFlags, ...openFlags, strict: { kind: 'boolean', brief: 'Sizes must agree too', default: false } },
    positional: twoImages('One image', 'The other'),
  },
  docs: {
    brief: 'Compare what guests see of two disks (exit code 3: they differ)',
    fullDescription:
      'Compares two disks byte by byte, whatever their formats. Holes are zeros. Exit code 0: the same, 3: they differ, 1: it could not be found out.',
  },
})

const check = lazyCommand(async () => (await import('./check.ts')).checkCommand, {
  parameters: { flags: { ...commonFlags, ...openFlags }, positional: imageArgument },
  docs: { brief: 'Look for damage in the structure of an image (exit code 3: found some)' },
})

const serve = lazyCommand(async () => (await import('./serve.ts')).serveCommand, {
  parameters: { flags: { ...commonFlags, ...openFlags, ...listenFlags }, positional: imageArgument },
  docs: { brief: 'Serve an image over NBD until interrupted' },
})

/** `nixen disk …` of image files; the disks of hosts are under the same word. */
export const diskCommands = { info, convert, compare, check, serve } as const
