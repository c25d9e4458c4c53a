import { isUuid } from '@nixen/core'
import type { ChangeToken } from '@nixen/disk'

/** What a token says. */
export interface DiskToken {
  /** uuid of the frozen disk, or of what is left of it. */
  readonly frozen: string
  /** uuid of the VM's disk. */
  readonly disk: string
  /** Bytes. */
  readonly size: number
}

/** `xapi1/<frozen>/<disk>/<size>`. */
export function tokenOf({ frozen, disk, size }: DiskToken): ChangeToken {
  // The form is made here; `readToken` accepts it.
  return `xapi1/${frozen}/${disk}/${size}` as ChangeToken
}

/** What a token says; `undefined` for one of another provider. */
export function readToken(token: ChangeToken): DiskToken | undefined {
  const [kind, frozen = '', disk = '', size = ''] = token.split('/')
  if (kind !== 'xapi1' || !isUuid(frozen) || !isUuid(disk) || !/^\d{1,16}$/.test(size)) return undefined
  return { frozen, disk, size: Number(size) }
}
