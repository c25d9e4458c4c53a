import { isRecord } from '@nixen/core'
import type { Replica, ReplicaMark } from '../../replica/replica-actions.ts'

/** On a replica: a {@link ReplicaMark} as JSON. Snapshots and copies of it take it over, and are none: the uuid in it is another. */
export const replicaKey = 'nixen:replica'
/** On a replica that was started: when. */
export const startedKey = 'nixen:replica-started'
/** On a snapshot that is a restore point of a replica: `<time> <uuid of the replica>`. */
export const pointKey = 'nixen:replica-point'
/** On replicas, for people and for queries. Jobs leave such VMs alone unless they are named. */
export const replicaTag = 'nixen:replica'

const blocked = ['start', 'start_on'] as const

/** What `VM.blocked_operations` says of a replica. */
export function blockedReplica({ source }: Pick<ReplicaMark, 'source'>): Readonly<Record<string, string>> {
  const text = `Nixen keeps this as a replica of ${source.name}. Start it with "nixen replica start", or remove this block`
  return Object.fromEntries(blocked.map((operation) => [operation, text]))
}

/** Whether nobody has taken the block away. */
export function isBlocked(operations: Readonly<Partial<Record<string, string>>>): boolean {
  return blocked.every((operation) => operations[operation] !== undefined)
}

/** A mark as it is kept, with the VM that it is of. */
export function writeMark(mark: ReplicaMark, uuid: string): string {
  return JSON.stringify({ format: 'nixen.replica/1', replica: uuid, ...mark })
}

/** The mark of a VM; `undefined` when it has none, or one that was copied from another VM. */
export function readMark(text: string | undefined, uuid: string): ReplicaMark | undefined {
  if (text === undefined) return undefined
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isRecord(found) || found['format'] !== 'nixen.replica/1' || found['replica'] !== uuid) return undefined
  if (!isRecord(found['source']) || !isRecord(found['disks']) || typeof found['time'] !== 'number') return undefined
  const { format: _format, replica: _replica, ...mark } = found
  // Written by `writeMark`.
  return mark as unknown as ReplicaMark
}

/** Why a replica may hold what its source has not. */
export function divergence(vm: {
  readonly power_state: string
  readonly other_config: Readonly<Record<string, string>>
  readonly blocked_operations: Readonly<Partial<Record<string, string>>>
}): Replica['diverged'] {
  const started = Number(vm.other_config[startedKey])
  if (vm.power_state !== 'Halted') return `It is ${vm.power_state.toLowerCase()}.`
  if (vm.other_config[startedKey] !== undefined) {
    return `It was started${Number.isFinite(started) ? ` on ${new Date(started).toISOString().slice(0, 16)}Z` : ''}.`
  }
  return isBlocked(vm.blocked_operations) ? undefined : 'Somebody made it possible to start it, so it may have been.'
}
