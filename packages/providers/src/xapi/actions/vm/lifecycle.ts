import { connectionErrors, connectionOfId, type VmId } from '@nixen/api'
import type { Ref } from '@nixen/xapi'
import type { ActionTask, ProviderActions } from '../../../action/actions.ts'
import { follow, idOf, refOf, type XapiContext } from '../context.ts'
import { contextOf } from '../contexts.ts'
import { migrationNetwork } from '../migration-network.ts'
import { migrateSend } from './migrate-send.ts'
import { destroyVm } from './destroy.ts'

type Lifecycle = Pick<
  ProviderActions['vm'],
  'snapshot' | 'snapshotWithMemory' | 'clone' | 'copy' | 'convertToTemplate' | 'migrate' | 'migrateStorage' | 'delete'
>

/** Copies, moves and ends of VMs. */
export function vmLifecycle(context: XapiContext): Lifecycle {
  const { VM } = context.xapi.client
  const calls = context.xapi.client.async.VM
  const made = async <T extends 'vm' | 'snapshot' | 'template'>(type: T, ref: Ref<'VM'>) => ({
    made: [await idOf(context, type, { className: 'VM', ref })],
  })
  const described = async (ref: Ref<'VM'>, description: string | undefined): Promise<void> => {
    if (description !== undefined) await VM.set_name_description(ref, description)
  }
  return {
    async snapshot({ id, name, description, quiesce }, task) {
      const vm = await refOf(context, id, 'VM')
      // XAPI took quiesced snapshots away in 8.0: there is no call for it any more.
      if (quiesce) task.log('The host cannot ask the guest to write everything first; this is as after a power cut.')
      const ref = await follow(context, calls.snapshot(vm, name ?? (await dated(context, vm))), task)
      await described(ref, description)
      return await made('snapshot', ref)
    },
    async snapshotWithMemory({ id, name, description }, task) {
      const vm = await refOf(context, id, 'VM')
      const ref = await follow(context, calls.checkpoint(vm, name ?? (await dated(context, vm))), task)
      await described(ref, description)
      return await made('snapshot', ref)
    },
    async clone({ id, name }, task) {
      const vm = await refOf(context, id, 'VM')
      return await made('vm', await follow(context, calls.clone(vm, name ?? (await copyName(context, vm))), task))
    },
    async copy(request, task) {
      return await copyVm(context, request, task)
    },
    async convertToTemplate({ id }) {
      const vm = await refOf(context, id, 'VM')
      await VM.set_is_a_template(vm, true)
      return await made('template', vm)
    },
    async migrate({ id, host, network: wanted }, task) {
      const vm = await refOf(context, id, 'VM')
      const network = wanted === undefined ? await migrationNetwork(context) : await refOf(context, wanted, 'network')
      const options: Readonly<Record<string, string>> = { live: 'true', ...(network ? { network } : {}) }
      await follow(context, calls.pool_migrate(vm, await refOf(context, host, 'host'), options), task)
    },
    async migrateStorage({ id, ...target }, task) {
      const other = contextOf(task.session(connectionOfId(target.host)))
      const vm = await migrateSend(
        context,
        { vm: await refOf(context, id, 'VM'), target, to: other, copy: false },
        task,
      )
      return { made: [await idOf(other, 'vm', { className: 'VM', ref: vm })] }
    },
    async delete({ id, keepDisks, snapshots }, task) {
      const vm = await refOf(context, id, 'VM')
      const kept = new Set(await Promise.all(keepDisks.map((disk) => refOf(context, disk, 'VDI'))))
      const { length } = await VM.get_snapshots(vm)
      if (!snapshots && length > 0) {
        throw connectionErrors.unsupported({ action: 'Deleting it', reason: `it has ${length} snapshots.` })
      }
      await destroyVm(context, { vm, keep: kept }, task)
    },
  }
}

interface CopyRequest {
  readonly id: VmId
  readonly name?: string | undefined
  readonly storage?: Parameters<ProviderActions['vm']['copy']>[0]['storage']
}

/** Within the pool by the host itself; to another pool by a migration that leaves the original. */
async function copyVm(context: XapiContext, { id, name, storage }: CopyRequest, task: ActionTask) {
  const vm = await refOf(context, id, 'VM')
  const newName = name ?? (await copyName(context, vm))
  if (storage === undefined || connectionOfId(storage) === context.connection) {
    const sr = storage === undefined ? null : await refOf(context, storage, 'SR')
    const ref = await follow(context, context.xapi.client.async.VM.copy(vm, newName, sr), task)
    return { made: [await idOf(context, 'vm', { className: 'VM', ref })] }
  }
  const to = contextOf(task.session(connectionOfId(storage)))
  const ref = await migrateSend(context, { vm, target: { storage }, to, copy: true }, task)
  await to.xapi.client.VM.set_name_label(ref, newName)
  return { made: [await idOf(to, 'vm', { className: 'VM', ref })] }
}

async function copyName({ xapi }: XapiContext, vm: Ref<'VM'>): Promise<string> {
  return `${await xapi.client.VM.get_name_label(vm)} (copy)`
}

/** `web-01 2026-02-03T04:05:06Z`: sorts by time. */
async function dated({ xapi }: XapiContext, vm: Ref<'VM'>): Promise<string> {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
  return `${await xapi.client.VM.get_name_label(vm)} ${now}`
}
