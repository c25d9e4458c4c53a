import { isUuid } from '@nixen/core'
import type { ChangeToken } from '@nixen/disk'

/** What a token says. */
export interface CheckpointToken {
  /** Uuid of the domain. */
  readonly domain: string
  readonly checkpoint: string
  /** Target of the disk. */
  readonly disk: string
}

/** `libvirt1/<domain>/<checkpoint>/<disk>` */
export function tokenOf({ domain, checkpoint, disk }: CheckpointToken): ChangeToken {
  // The form is made here; `readToken` accepts it.
  return `libvirt1/${domain}/${checkpoint}/${disk}` as ChangeToken
}

/** What a token says; `undefined` for one of another provider. */
export function readToken(token: ChangeToken): CheckpointToken | undefined {
  const [kind, domain = '', checkpoint = '', disk = ''] = token.split('/')
  if (kind !== 'libvirt1' || !isUuid(domain) || !isCheckpointName(checkpoint) || disk === '') return undefined
  return { domain, checkpoint, disk }
}

const prefix = 'nixen-'

export const checkpointName = (mark: string): string => prefix + mark
export const isCheckpointName = (name: string): boolean => /^nixen-[0-9a-z]{12}$/.test(name)
export const markOf = (checkpoint: string): string => checkpoint.slice(prefix.length)
