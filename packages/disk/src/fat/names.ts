import { diskErrors } from '../errors.ts'

/** Attribute of the entries that hold a long name. */
const longNameAttribute = 0x0f
const charsPerEntry = 13
const lastLongEntry = 0x40
const entryLength = 32

/** Refuses what Windows and Linux don't take as a name. */
export function checkName(name: string): void {
  const reason =
    name.length === 0 || name.length > 255
      ? 'a name has 1 to 255 characters'
      : // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
        /[\u0000-\u001f"*/:<>?\\|]/.test(name)
        ? 'a character is not allowed'
        : /[. ]$/.test(name)
          ? 'a name does not end with a dot or a space'
          : undefined
  if (reason !== undefined) throw diskErrors.bad_setting({ format: 'fat', setting: `files: ${name}`, reason })
}

/** The eleven bytes of a short name that is not in `taken`, which it joins: `META-D~1`, `USER-DAT`. */
export function shortName(name: string, taken: Set<string>): Uint8Array {
  const upper = name.toUpperCase()
  if (isShort(name) && !taken.has(padded(upper))) return take(padded(upper), taken)
  const dot = upper.lastIndexOf('.')
  const clean = (text: string): string => text.replaceAll(/[. ]/g, '').replaceAll(/[^A-Z0-9!#$%&'()@^_`{}~-]/g, '_')
  const base = clean(dot > 0 ? upper.slice(0, dot) : upper) || '_'
  const extension = dot > 0 ? clean(upper.slice(dot + 1)).slice(0, 3) : ''
  for (let number = 1; ; number++) {
    const tail = `~${number}`
    const candidate = base.slice(0, 8 - tail.length) + tail
    const whole = candidate.padEnd(8) + extension.padEnd(3)
    if (!taken.has(whole)) return take(whole, taken)
  }
}

/** The entries before the short one that hold the long name; none for a name that is short and upper case. */
export function longNameEntries(name: string, short: Uint8Array): Uint8Array[] {
  if (isShort(name)) return []
  const units = Array.from({ length: name.length }, (_, index) => name.charCodeAt(index))
  const count = Math.ceil(units.length / charsPerEntry)
  // The end of the name is marked by a zero, and what is left filled with ones.
  if (units.length % charsPerEntry !== 0) units.push(0)
  while (units.length < count * charsPerEntry) units.push(0xffff)
  const sum = shortChecksum(short)
  return Array.from({ length: count }, (_, index) => {
    // They come in reverse, the last part of the name first.
    const part = count - 1 - index
    return longEntry(units.slice(part * charsPerEntry), (part + 1) | (index === 0 ? lastLongEntry : 0), sum)
  })
}

function longEntry(units: readonly number[], ordinal: number, sum: number): Uint8Array {
  const bytes = new Uint8Array(entryLength)
  const view = new DataView(bytes.buffer)
  bytes[0] = ordinal
  bytes[11] = longNameAttribute
  bytes[13] = sum
  // Places of the thirteen UTF-16 units.
  for (const [index, place] of [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30].entries()) {
    view.setUint16(place, units[index] ?? 0xffff, true)
  }
  return bytes
}

function shortChecksum(short: Uint8Array): number {
  let sum = 0
  for (const byte of short) sum = (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff
  return sum
}

function isShort(name: string): boolean {
  return /^[A-Z0-9!#$%&'()@^_`{}~-]{1,8}(\.[A-Z0-9!#$%&'()@^_`{}~-]{1,3})?$/.test(name)
}

function padded(name: string): string {
  const [base = '', extension = ''] = name.split('.')
  return base.padEnd(8) + extension.padEnd(3)
}

function take(name: string, taken: Set<string>): Uint8Array {
  taken.add(name)
  return new TextEncoder().encode(name)
}
