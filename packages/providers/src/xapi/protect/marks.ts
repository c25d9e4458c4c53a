import type { Random } from '@nixen/core'

// Keys of `other_config`. A copy, a clone or a revert hands them on to objects that are not ours: what is removed must also be a snapshot,
// or bear the mark in its name.

/** On snapshots and their disks: the mark of the backup that made them. */
export const freezeKey = 'nixen:freeze'
/** On snapshots and their disks: who asked for them. */
export const ownerKey = 'nixen:owner'
/** On frozen disks: uuid of the disk they are of; it is known here also when that is gone. */
export const diskKey = 'nixen:disk'
/** On snapshots and their disks: they stay until their token is dropped. */
export const keptKey = 'nixen:kept'
/** On a VM and on disks that a restore is making: its mark. */
export const restoringKey = 'nixen:restoring'
/** On a disk whose place a restored one has taken. */
export const replacedKey = 'nixen:replaced'
/** On VMs: `<lineage> <uuid of the VM>`. A clone takes it over with the wrong uuid, and so is known for a clone. */
export const lineageKey = 'nixen:lineage'

/** Keys that belong to one object only. */
export const ownKeys: readonly string[] = [freezeKey, ownerKey, diskKey, keptKey, restoringKey, replacedKey]

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** Twelve random characters (60 bits). */
export function newMark(random: Random): string {
  return Array.from({ length: 12 }, () => alphabet[Math.floor(random() * alphabet.length)] ?? '0').join('')
}

/** A name with a mark, by which the object is found when nothing else is known of it. */
export function markedName(name: string, mark: string): string {
  return `${name} [nixen ${mark}]`
}

/** The mark in a name. */
export function markInName(name: string): string | undefined {
  return /\[nixen ([0-9a-z]{12})\]$/.exec(name)?.[1]
}

/** The map without the keys of ours, and with some others. */
export function withMarks(
  config: Readonly<Record<string, string>>,
  marks: Readonly<Record<string, string>>,
): Record<string, string> {
  const kept = Object.entries(config).filter(([key]) => !ownKeys.includes(key))
  return { ...Object.fromEntries(kept), ...marks }
}
