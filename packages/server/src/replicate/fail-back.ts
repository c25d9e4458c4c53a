import { connectionOfId, replicaErrors, type StorageId, type VmId } from '@nixen/api'
import type { ActionTask, FrozenVm, Replica, ReplicaActions } from '@nixen/providers'
import { toTask } from '../repositories/to-task.ts'
import { journalOn } from '../tasks/journal-on.ts'
import { inWorker, type ReplicatePorts } from './replicate-vm.ts'

export interface FailBack {
  readonly replica: Replica
  readonly replicas: ReplicaActions
  /** The source, if it is still there. */
  readonly source: VmId | undefined
  readonly wish: { readonly storage?: StorageId | undefined; readonly start: boolean }
}

/**
 * Brings what a replica holds back to its source: only what differs where that is still there, all of it where it is lost. Nothing is taken from
 * the replica; it is one again when the source has everything. Gives the VM that has it now.
 */
export async function failBack(
  ports: ReplicatePorts,
  { replica, replicas, source, wish }: FailBack,
  task: ActionTask,
): Promise<VmId> {
  const { connections } = ports
  const [from, to] = [connectionOfId(replica.vm), replica.mark.source.connection]
  const { protect } = connections.session(from)
  const home = connections.session(to)
  const { signal } = task
  task.progress(undefined, 'Freezing')
  const frozen = await protect.freeze(replica.vm, {
    owner: replica.mark.job,
    mode: 'halted',
    trackChanges: false,
    journal: journalOn(task, from),
    signal,
  })
  try {
    const plan = await home.protect.planRestore(
      {
        config: asSource(frozen, replica),
        identity: source ? { kind: 'into', vm: source } : { kind: 'same' },
        name: replica.mark.source.name,
        storage: wish.storage,
        start: wish.start,
        keepReplaced: false,
      },
      { signal },
    )
    if (plan.problems.length > 0)
      throw replicaErrors.not_possible({ name: replica.name, reason: plan.problems.join(' ') })
    const input = { source: connections.spec(from), target: connections.spec(to), frozen, plan, base: {} }
    const { restored } = await inWorker(
      ports,
      { ...input, owner: replica.mark.job },
      { ...toTask(task), journal: journalOn(task, to) },
    )
    for (const { text } of restored.notes) task.log(text)
    const sent = restored.disks.reduce((sum, { sentBytes }) => sum + sentBytes, 0)
    task.log(`${restored.name} holds now what the replica held; ${sent} bytes were written.`)
    // Both are the same again.
    await replicas.resume(replica.vm, { signal })
    return restored.vm
  } finally {
    await protect.release(frozen)
  }
}

/** The replica as the VM that it is a copy of. */
function asSource({ config, disks }: FrozenVm, { mark }: Replica): FrozenVm['config'] {
  const { lineage, name } = mark.source
  const tags = config.tags.filter((tag) => !tag.startsWith('nixen:'))
  return { ...config, lineage, name, tags, disks }
}
