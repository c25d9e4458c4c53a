import type { Clock } from '@nixen/core'
import {
  constants as c,
  isLibvirtError,
  parseXml,
  xml,
  type Domain,
  type Libvirt,
  type XmlElement,
} from '@nixen/libvirt'

/** A backup that a domain gives away over NBD. */
export interface BackupJob {
  /** Unix socket on the host. */
  readonly socket: string
  readonly disks: ReadonlyMap<string, BackupDisk>
}

export interface BackupDisk {
  readonly exportName: string
  /** Name of the bitmap in the export: what changed since `since`. */
  readonly bitmap: string | undefined
  /** The checkpoint that changes are told from. */
  readonly since: string | undefined
}

export interface JobDisk {
  readonly target: string
  readonly since: string | undefined
  /** File for what the guest writes over meanwhile; libvirt makes it and takes it away. */
  readonly scratch: string
}

/** XML of a job in pull mode: QEMU serves the disks as they are now; `all` are the targets of the domain. */
export function backupXml(socket: string, disks: readonly JobDisk[], all: readonly string[]): string {
  const each = all.map((target) => {
    const disk = disks.find((one) => one.target === target)
    if (!disk) return xml('disk', { name: target, backup: 'no' })
    const { since, scratch } = disk
    return xml(
      'disk',
      {
        name: target,
        backup: 'yes',
        type: 'file',
        exportname: target,
        ...(since === undefined
          ? { backupmode: 'full' }
          : { backupmode: 'incremental', incremental: since, exportbitmap: 'changes' }),
      },
      xml('scratch', { file: scratch }),
    )
  })
  const server = xml('server', { transport: 'unix', socket })
  return xml('domainbackup', { mode: 'pull' }, server, xml('disks', {}, ...each)).toString()
}

/** The job that a domain has; `undefined` when it has none. */
export async function currentJob({ call }: Libvirt, dom: Domain): Promise<BackupJob | undefined> {
  try {
    const { xml: text } = await call.domainBackupGetXmlDesc({ dom })
    const root = parseXml(text, { root: 'domainbackup' })
    const disks =
      root
        .find('disks')
        ?.children('disk')
        .filter((disk) => disk.get('backup') === 'yes') ?? []
    return {
      socket: root.find('server')?.get('socket') ?? '',
      disks: new Map(disks.map((disk) => [disk.get('name') ?? '', readDisk(disk)])),
    }
  } catch (error) {
    if (isLibvirtError(error, c.VIR_ERR_NO_DOMAIN_BACKUP, c.VIR_ERR_OPERATION_INVALID)) return undefined
    throw error
  }
}

function readDisk(disk: XmlElement): BackupDisk {
  return {
    exportName: disk.get('exportname') ?? disk.get('name') ?? '',
    bitmap: disk.get('exportbitmap'),
    since: disk.get('incremental'),
  }
}

/** Ends a job, and waits until QEMU has let go of everything; that there is none any more is no error. */
export async function endJob(libvirt: Libvirt, dom: Domain, clock: Clock): Promise<void> {
  try {
    await libvirt.call.domainAbortJob({ dom })
    // The answer comes before the end.
    for (let waited = 0; waited < 30_000 && (await currentJob(libvirt, dom)); waited += 20) await clock.sleep(20)
  } catch (error) {
    if (!isLibvirtError(error, c.VIR_ERR_OPERATION_INVALID, c.VIR_ERR_NO_DOMAIN_BACKUP)) throw error
  }
}

/**
 * A folder of the host where QEMU of this domain may make sockets: that of its agent's channel or screen, which libvirt chose and QEMU makes
 * itself; else the one that the system's libvirt gives every domain. `live` is the XML of the domain that runs.
 */
export function socketFolder(live: XmlElement): string {
  const devices = live.find('devices')
  const paths = [
    ...(devices?.children('channel').map((channel) => channel.find('source')?.get('path')) ?? []),
    ...(devices?.children('graphics').map((graphics) => graphics.find('listen')?.get('socket')) ?? []),
  ]
  const found = paths.find((path) => path?.startsWith('/'))
  if (found !== undefined) return found.slice(0, found.lastIndexOf('/'))
  const name = live
    .text('name')
    .replaceAll(/[^\w.-]/g, '')
    .slice(0, 20)
  return `/var/lib/libvirt/qemu/domain-${live.get('id') ?? '0'}-${name}`
}
