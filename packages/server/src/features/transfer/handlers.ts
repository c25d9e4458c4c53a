import {
  diskCan,
  requestErrors,
  snapshotCan,
  transferErrors,
  vmCan,
  type SnapshotId,
  type StorageId,
  type VmId,
} from '@nixen/api'
import type { ActionResult, ActionTask } from '@nixen/providers'
import type { ActionPorts } from '../../actions/prepare.ts'
import type { Principal } from '../../auth/principal.ts'
import type { LiveConfig } from '../../config/live.ts'
import type { GroupHandlers, RequestInfo, StreamAnswer } from '../../http/handler.ts'
import { demandVisible } from '../../inventory/visible.ts'
import type { Tasks } from '../../tasks/tasks.ts'
import { demandAllowed, openUrl } from './fetch-url.ts'
import type { VmWish } from './import-vm.ts'
import { CheckedFile, type Incoming } from './incoming.ts'
import type { DiskWish } from './make-disk.ts'
import { bodyOf, giveDownload, runToEnd, type Outgoing } from './run-transfer.ts'
import type { Spool } from './spool.ts'
import { demandStorage, demandTarget } from './targets.ts'
import type { Uploads } from './uploads.ts'

export interface TransferPorts extends ActionPorts {
  readonly tasks: Tasks
  readonly config: LiveConfig
  readonly spool: Spool
  readonly uploads: Uploads
}

/** The formats of disks and machines: a server that has not moved any since it started does not hold their code. */
const formats = {
  write: async () => await import('./export.ts'),
  readVm: async () => await import('./import-vm.ts'),
  readDisk: async () => await import('./make-disk.ts'),
} as const

interface Transfers {
  readonly vm: Pick<GroupHandlers<'vm'>, 'export' | 'import' | 'importUrl'>
  readonly snapshot: Pick<GroupHandlers<'snapshot'>, 'export'>
  readonly disk: Pick<GroupHandlers<'disk'>, 'export' | 'import' | 'importUrl' | 'overwrite'>
}

/** Import and export. */
export function transferHandlers(ports: TransferPorts): Transfers {
  const { tasks, config } = ports
  const allowed = (): readonly string[] => config.values['transfer.allowed_hosts']
  return {
    vm: {
      export: async ({ params: { id }, input, who, info }) => await giveVm(ports, { id, input, who, info }),
      async import({ input, who, info }) {
        const file = bodyOf(info)
        const { request, run } = vmImport(ports, { input, who, info, action: 'vm.import' })
        return await runToEnd(tasks, request, async (task) => await run(file, task))
      },
      async importUrl({ input: { url, ...input }, who, info }) {
        demandAllowed(url, allowed())
        const { request, run } = vmImport(ports, { input, who, info, action: 'vm.importUrl' })
        const { id } = await tasks.run(
          request,
          async (task) => await run(await openUrl(url, { allowed: allowed(), signal: task.signal }), task),
        )
        info.setStatus(202)
        return { task: id }
      },
    },
    snapshot: {
      export: async ({ params: { id }, input, who, info }) => await giveVm(ports, { id, input, who, info }),
    },
    disk: {
      async export({ params: { id }, input: { format }, who, info }) {
        const wish = { id, who, permission: 'disk:export', can: diskCan.export, changes: false } as const
        const { object, session } = demandTarget(ports, { ...wish, type: 'disk' })
        info.note({ on: id, onName: object.name })
        const request = { name: `Export the disk ${object.name}`, action: 'disk.export', on: [id], by: who.user.id }
        const name = `${object.name || 'disk'}.${extensions[format]}`
        return await giveDownload(
          tasks,
          { request, name, type: binary, info },
          async (task) => await (await formats.write()).exportDisk(session, { id, format }, task),
        )
      },
      async import({ input, who, info }) {
        const file = bodyOf(info)
        const { request, run } = diskImport(ports, { input, who, info, action: 'disk.import' })
        return await runToEnd(tasks, request, async (task) => await run(file, task))
      },
      async importUrl({ input: { url, ...input }, who, info }) {
        demandAllowed(url, allowed())
        const { request, run } = diskImport(ports, { input, who, info, action: 'disk.importUrl' })
        const { id } = await tasks.run(
          request,
          async (task) => await run(await openUrl(url, { allowed: allowed(), signal: task.signal }), task),
        )
        info.setStatus(202)
        return { task: id }
      },
      async overwrite({ params: { id }, input, who, info }) {
        const file = bodyOf(info)
        const wish = { id, who, permission: 'disk:import', can: diskCan.import, changes: true } as const
        const { object, session } = demandTarget(ports, { ...wish, type: 'disk' })
        info.note({ on: id, onName: object.name })
        if (object.vms.length > 0 || object.snapshotOf !== undefined) {
          throw transferErrors.not_empty({ disk: object.name })
        }
        const request = {
          name: `Import over the disk ${object.name}`,
          action: 'disk.overwrite',
          on: [id],
          by: who.user.id,
        }
        return await runToEnd(tasks, request, async (task) => {
          await using checked = new CheckedFile(file, { sha256: input.sha256, task })
          const { overwriteDisk } = await formats.readDisk()
          await overwriteDisk({ session, spool: ports.spool, file: checked }, { ...input, id }, task)
          return {}
        })
      },
    },
  }
}

const binary = 'application/octet-stream'
const extensions = { raw: 'img', vhd: 'vhd', qcow2: 'qcow2', vmdk: 'vmdk' } as const

interface VmExportWish {
  readonly id: VmId | SnapshotId
  readonly input: { readonly format: 'xva' | 'ova'; readonly compression: 'none' | 'gzip' | 'zstd' }
  readonly who: Principal
  readonly info: RequestInfo
}

async function giveVm(ports: TransferPorts, { id, input, who, info }: VmExportWish): Promise<StreamAnswer> {
  const { object, session, type } = exported(ports, { id, who })
  info.note({ on: id, onName: object.name })
  if (input.format === 'ova' && input.compression !== 'none') {
    const message = 'The disks in an OVA are always packed; leave it out.'
    throw requestErrors.invalid({ problems: [{ path: 'query.compression', message }] })
  }
  const request = { name: `Export ${object.name}`, action: `${type}.export`, on: [id], by: who.user.id }
  const name = `${object.name || 'vm'}.${input.format}`
  return await giveDownload(tasksOf(ports), { request, name, type: binary, info }, async (task): Promise<Outgoing> => {
    if (input.format === 'ova')
      return await (await formats.write()).exportOva(session, { id, spool: ports.spool }, task)
    return { bytes: session.transfer.exportVm({ id, compression: input.compression }, task) }
  })
}

const tasksOf = ({ tasks }: TransferPorts): Tasks => tasks

function exported(ports: TransferPorts, { id, who }: { readonly id: VmId | SnapshotId; readonly who: Principal }) {
  if (isSnapshot(id)) {
    const wish = {
      type: 'snapshot',
      id,
      who,
      permission: 'snapshot:export',
      can: snapshotCan.export,
      changes: false,
    } as const
    return { ...demandTarget(ports, wish), type: 'snapshot' }
  }
  const wish = { type: 'vm', id, who, permission: 'vm:export', can: vmCan.export, changes: false } as const
  return { ...demandTarget(ports, wish), type: 'vm' }
}

/** Ids begin with their type. */
function isSnapshot(id: VmId | SnapshotId): id is SnapshotId {
  return id.startsWith('snapshot.')
}

interface ImportWish<I> {
  readonly input: I
  readonly who: Principal
  readonly info: RequestInfo
  readonly action: string
}

/** The task of an import, and what it does with the file. */
interface Import {
  readonly request: Parameters<Tasks['run']>[0]
  readonly run: (file: Incoming, task: ActionTask) => Promise<ActionResult>
}

function vmImport(
  ports: TransferPorts,
  { input, who, info, action }: ImportWish<VmWish & { readonly sha256?: string | undefined }>,
): Import {
  const { object, session } = demandStorage(ports, {
    id: input.storage,
    who,
    permission: 'vm:import',
    images: false,
  })
  if (input.network !== undefined) demandVisible(ports.inventory, { type: 'network', id: input.network, who })
  info.note({ on: object.id, onName: object.name })
  return {
    request: { name: `Import ${input.name ?? 'a VM'} to ${object.name}`, action, on: [object.id], by: who.user.id },
    async run(incoming, task) {
      await using file = new CheckedFile(incoming, { sha256: input.sha256, task })
      const { importVm } = await formats.readVm()
      return await importVm({ file, wish: input, session }, task)
    },
  }
}

/** The task that makes a disk of a file. */
export function diskImport(
  ports: TransferPorts,
  {
    input,
    who,
    info,
    action,
  }: ImportWish<DiskWish & { readonly storage: StorageId; readonly sha256?: string | undefined }>,
): Import {
  const { object, session, isForImages } = demandStorage(ports, {
    id: input.storage,
    who,
    permission: 'disk:import',
    images: true,
  })
  info.note({ on: object.id, onName: object.name })
  return {
    request: { name: `Import ${input.name} to ${object.name}`, action, on: [object.id], by: who.user.id },
    async run(incoming, task) {
      await using file = new CheckedFile(incoming, { sha256: input.sha256, task })
      const { makeDisk } = await formats.readDisk()
      return await makeDisk({ session, spool: ports.spool, file }, { ...input, isForImages }, task)
    },
  }
}
