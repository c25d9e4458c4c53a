import { posix } from 'node:path'
import { isRecord, messageOf } from '@nixen/core'
import { openChain, type XoDisk } from './chain.ts'
import { mergeStates } from './merge-state.ts'
import type { XoStore } from './xo-store.ts'

/** A disk of a backup, by its records. */
export interface XoDiskInfo {
  /** Uuid of the VM's own disk. */
  readonly key: string
  readonly name: string
  /** Its newest image; absent in a full backup, whose disks are all in one export. */
  readonly image?: string | undefined
  readonly record: Readonly<Record<string, unknown>>
  /** Where it is plugged in. */
  readonly vbd: Readonly<Record<string, unknown>>
}

/** One backup of a VM. */
export interface XoBackup {
  /** Its description in the repository. */
  readonly file: string
  readonly vm: string
  readonly name: string
  /** Epoch milliseconds. */
  readonly time: number
  readonly mode: 'full' | 'delta'
  /** The export of a full backup. */
  readonly xva?: string | undefined
  readonly disks: readonly XoDiskInfo[]
  readonly metadata: Readonly<Record<string, unknown>>
}

/** What could not be understood. */
export interface XoProblem {
  readonly file: string
  readonly what: string
}

export interface XoScan {
  /** By VM, then by time. */
  readonly backups: readonly XoBackup[]
  readonly problems: readonly XoProblem[]
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const mostVersion = 2

/** All backups of VMs. The cache beside them is not trusted. A description that is broken is named and hides no other one. */
export async function scanBackups(store: XoStore, { vm }: { readonly vm?: string | undefined } = {}): Promise<XoScan> {
  const backups: XoBackup[] = []
  const problems: XoProblem[] = []
  for (const folder of (await store.list('xo-vm-backups')).toSorted()) {
    if (!uuidPattern.test(folder) || (vm !== undefined && folder !== vm)) continue
    for (const name of (await store.list(`xo-vm-backups/${folder}`)).toSorted()) {
      if (name.startsWith('.') || !name.endsWith('.json')) continue
      const file = `xo-vm-backups/${folder}/${name}`
      try {
        backups.push(backupOf(store, file, await store.json(file)))
      } catch (error) {
        problems.push({ file, what: messageOf(error) })
      }
    }
  }
  return { backups, problems }
}

/** A disk of a delta backup. @throws xo.* */
export async function openXoDisk(store: XoStore, disk: XoDiskInfo): Promise<XoDisk> {
  if (disk.image === undefined) throw new TypeError('a full backup has no images')
  return await openChain(store, disk.image, await mergeStates(store, posix.dirname(disk.image)))
}

function backupOf(store: XoStore, file: string, value: unknown): XoBackup {
  if (!isRecord(value)) throw new SyntaxError('it is not an object')
  const { mode, timestamp, version } = value
  if (mode !== 'full' && mode !== 'delta') throw new SyntaxError('it says neither "full" nor "delta"')
  if (typeof timestamp !== 'number' || !Number.isFinite(timestamp)) throw new SyntaxError('it has no time')
  if (typeof version === 'string' && Number(version.split('.')[0]) > mostVersion) {
    throw new SyntaxError(`its version ${version} is not known`)
  }
  const vm = recordOf(value['vm'])
  const snapshot = recordOf(value['vmSnapshot'])
  const folder = posix.basename(posix.dirname(file))
  const xva = value['xva']
  const name = textOf(vm['name_label']) || textOf(snapshot['name_label']) || folder
  const common = { file, vm: folder, name, time: timestamp, metadata: value }
  if (mode === 'delta') return { ...common, mode, disks: deltaDisks(store, file, value) }
  if (typeof xva !== 'string') throw new SyntaxError('it names no export')
  return { ...common, mode, xva: store.resolve(file, xva), disks: [] }
}

function deltaDisks(store: XoStore, file: string, value: Readonly<Record<string, unknown>>): XoDiskInfo[] {
  const vdis = recordOf(value['vdis'])
  const vbds = Object.values(recordOf(value['vbds'])).map(recordOf)
  return Object.entries(recordOf(value['vhds'])).map(([ref, path]) => {
    const record = recordOf(vdis[ref])
    if (typeof path !== 'string') throw new SyntaxError('it names a disk without a file')
    const image = store.resolve(file, path)
    const key = textOf(record['$snapshot_of$uuid']) || textOf(record['uuid']) || posix.basename(posix.dirname(image))
    const vbd = vbds.find((one) => one['VDI'] === ref) ?? {}
    return { key, name: textOf(record['name_label']), image, record, vbd }
  })
}

/** An object, or an empty one. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {}
}

/** Text, or none. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
