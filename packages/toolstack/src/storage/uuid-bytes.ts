import { fromHex, toHex } from '@nixen/core'

/** The UUID that stands for none. */
export const nilUuid = '00000000-0000-0000-0000-000000000000'

/** The 16 bytes of a UUID. */
export function uuidBytes(uuid: string): Uint8Array<ArrayBuffer> {
  return fromHex(uuid.replaceAll('-', ''))
}

/** The text of 16 bytes. */
export function uuidText(bytes: Uint8Array): string {
  const hex = toHex(bytes)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
