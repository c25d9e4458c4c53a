import { parseBytes } from '@nixen/core'

/** A size on the command line: `10GiB`, `512k`, `4096`. */
export function sizeParser(text: string): number {
  const bytes = parseBytes(text)
  if (bytes === undefined) throw new SyntaxError(`"${text}" is not a size. Write it like 10GiB, 512k or 4096.`)
  return bytes
}

/** `name=value` of a repeated flag, the value as it stands. */
export function pairParser(text: string): readonly [name: string, value: string] {
  const equals = text.indexOf('=')
  if (equals < 1) throw new SyntaxError(`"${text}" is not NAME=VALUE.`)
  return [text.slice(0, equals), text.slice(equals + 1)]
}

/** `name:password:role`; the password may have colons. */
export function subjectParser(text: string): { name: string; password: string; role: string } {
  const [, name, password, role] = /^([^:]+):(.+):([^:]+)$/s.exec(text) ?? []
  if (name === undefined || password === undefined || role === undefined) {
    throw new SyntaxError('A subject is written NAME:PASSWORD:ROLE.')
  }
  return { name, password, role }
}

/** `name=value` of a repeated flag; sizes become bytes, `true` and `false` what they say. */
export function settingParser(text: string): readonly [name: string, value: string | number | boolean] {
  const [name, value] = pairParser(text)
  return [name, settingValue(value)]
}

function settingValue(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  const bytes = /^\d/.test(text) ? parseBytes(text) : undefined
  return bytes ?? text
}

/** A path or name as it stands. */
export const textParser = (text: string): string => text

/** A whole number from 1 on. */
export function countParser(text: string): number {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < 1) throw new SyntaxError(`"${text}" is not a whole number above 0.`)
  return count
}

/** A share of 100. */
export function percentParser(text: string): number {
  const percent = Number(text.replace(/%$/, ''))
  if (!(percent >= 0 && percent <= 100)) throw new SyntaxError(`"${text}" is not a percentage from 0 to 100.`)
  return percent
}

/** A whole number from 0 on. */
export function wholeParser(text: string): number {
  const number = text === '' ? Number.NaN : Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new SyntaxError(`"${text}" is not a whole number.`)
  return number
}

/** A TCP port; 0 takes a free one. */
export function portParser(text: string): number {
  const port = wholeParser(text)
  if (port > 65_535) throw new SyntaxError(`"${text}" is not a port from 0 to 65535.`)
  return port
}
