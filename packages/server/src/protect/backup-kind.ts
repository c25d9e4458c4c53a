import { connectionOfId, demandQuery, formatId, jobErrors, judgeOn, queryTable, vmCan, type VmId } from '@nixen/api'
import type { ConfigDisk } from '@nixen/providers'
import { Gates, type Wanted } from '../jobs/gates.ts'
import type { JobKind, RunContext } from '../jobs/job-kind.ts'
import { backUpVm } from './back-up-vm.ts'
import type { BackupPorts, BackupWork } from './backup.ts'
import { forgetOld } from './forget-old.ts'
import { RunRates } from './run-rates.ts'

/** Jobs that back VMs up to repositories. The first time all of a disk is read, then only what changed. */
export function backupKind(ports: BackupPorts): JobKind<'backup'> {
  const { inventory, repositories, clock } = ports
  const gates = new Gates()
  const rates = new RunRates()
  return {
    kind: 'backup',
    typeOf: () => 'vm',
    check({ repositories: ids, excludeDisks }) {
      for (const id of ids) repositories.get(id)
      if (new Set(ids).size < ids.length) {
        throw jobErrors.unsupported({ kind: 'backup', reason: 'a repository is there twice.' })
      }
      if (excludeDisks !== undefined) demandQuery(excludeDisks, queryTable('disk'), { now: clock.now() })
    },
    describe: ({ repositories: ids }) => `Backs up to ${ids.map((id) => repositories.nameOf(id) ?? id).join(' and ')}`,
    refuse(_context, { id }) {
      const vm = inventory.get('vm', id)
      const connection = inventory.get('connection', connectionOfId(id))
      if (!vm) return 'The VM is gone.'
      // What it is busy with passes: the host says so, and the work is tried again.
      const { busy: _, ...calm } = vm
      const limits = { readOnly: connection?.readOnly === true, unsupported: connection?.unsupported }
      const verdict = judgeOn(limits, vmCan.snapshot, calm)
      return verdict.allowed ? undefined : verdict.reason
    },
    async work(context, { id }, task) {
      return await gates.run(placesOf(ports, context, id), task.signal, async () => {
        // Found by its kind, so that its work is of that kind.
        const work = context.job.work as BackupWork
        const exclude = excludeOf(ports, work, id)
        return await backUpVm({ ...ports, rates }, { context, work, id: id as VmId, exclude }, task)
      })
    },
    async finish(context, task) {
      const { repositories: from } = context.job.work as BackupWork
      await forgetOld(repositories, { context, from, verifiedIn: ports.verifiedIn }, task)
    },
  }
}

/** The host of a VM, then the storages of its disks in the order of their ids. */
function placesOf({ inventory }: BackupPorts, { job }: RunContext, vm: string): readonly Wanted[] {
  const { perHost, perStorage } = job.limits
  const host = inventory.get('vm', vm)?.host ?? connectionOfId(vm as VmId)
  const disks = new Map<string, number>()
  for (const { kind, vms, storage } of inventory.all('disk'))
    if (kind === 'disk' && vms.some((id) => id === vm)) disks.set(storage, (disks.get(storage) ?? 0) + 1)
  const storages = [...disks].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return [
    { key: host, places: 1, limit: perHost },
    ...storages.map(([key, places]) => ({ key, places, limit: perStorage })),
  ]
}

/** Says why a disk is left out. */
function excludeOf(
  { inventory, clock }: BackupPorts,
  { excludeDisks }: BackupWork,
  vm: string,
): ((disk: ConfigDisk) => string | undefined) | undefined {
  if (excludeDisks === undefined) return undefined
  const nameOf = (id: string): string | undefined => inventory.nameOf(id)
  const matches = demandQuery(excludeDisks, queryTable('disk'), { now: clock.now(), nameOf })
  return ({ key }) => {
    const disk = inventory.get('disk', formatId({ type: 'disk', connection: connectionOfId(vm as VmId), key }))
    return disk && matches(disk) ? `The job leaves out disks that "${excludeDisks}" finds.` : undefined
  }
}
