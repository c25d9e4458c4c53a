import { parseBytes } from '@nixen/core'

/** A size on the command line: `10GiB`, `512k`, `4096`. */
export function sizeParser(text: string): number {
  const bytes = parseBytes(text)
  if (bytes === undefined) throw new SyntaxError(`"${text}" is not a size. Write it like 10GiB, 512k or 4096.`)
  return bytes
}

/** `name=value` of a repeated flag. */
export function settingParser(text: string): readonly [name: string, value: string | number | boolean] {
  const equals = text.indexOf('=')
  if (equals < 1) throw new SyntaxError(`"${text}" is not NAME=VALUE.`)
  return [text.slice(0, equals), settingValue(text.slice(equals + 1))]
}

function settingValue(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  const bytes = /^\d/.test(text) ? parseBytes(text) : undefined
  return bytes ?? text
}

/** A path or name as it stands. */
export const textParser = (text: string): string => text
