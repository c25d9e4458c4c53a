import {
  connectionOfId,
  exportErrors,
  type ConnectionId,
  type InstantWish,
  type Point,
  type PointExport,
  type StorageId,
  type VmId,
} from '@nixen/api'
import type { ActionTask, InstantActions, InstantAddress, InstantDisk, ProviderSession } from '@nixen/providers'
import type { Connections } from '../connections/connections.ts'
import type { StoredVm } from '../protect/stored-vm.ts'
import { journalOn } from '../tasks/journal-on.ts'
import type { Exports } from './exports.ts'

export interface InstantPorts {
  readonly exports: Exports
  readonly connections: Connections
}

export interface InstantStart {
  readonly point: Point
  readonly stored: StoredVm
  readonly connection: ConnectionId
  readonly wish: Pick<InstantWish, 'name' | 'address' | 'networkOf'>
  readonly by: string
}

/** What starts VMs from a repository on a connection. @throws export.not_possible */
export function instantOf({ instant, product }: ProviderSession, name: string): InstantActions {
  const reason = instant ? instant.impossible : `${product} has no such thing here.`
  if (instant && reason === undefined) return instant
  throw exportErrors.not_possible({ name, reason: reason ?? '' })
}

/** Gives the disks of a point away for writing, and starts a VM from them. What fails leaves neither. */
export async function startFromPoint(
  { exports, connections }: InstantPorts,
  { point, stored, connection, wish, by }: InstantStart,
  task: ActionTask,
): Promise<VmId> {
  const instant = instantOf(connections.session(connection), point.name)
  const config = stored.config
  const disks = config.disks.filter(({ kind }) => kind === 'disk')
  task.progress(undefined, 'Opening the disks')
  const { export: given, credentials } = await exports.create({
    point,
    disks: disks.map(({ key }) => `/disk-${key}.raw`),
    wish: { writable: true, over: instant.reach, address: wish.address, port: 0 },
    by,
    forVm: true,
  })
  try {
    const request = {
      config,
      name: wish.name ?? config.name,
      disks: disks.map(({ key }) => instantDisk(given, { key, credentials })),
      networkOf: wish.networkOf,
    }
    task.progress(undefined, 'Starting')
    const { vm, notes } = await instant.start(request, { journal: journalOn(task, connection), signal: task.signal })
    for (const { text } of notes) task.log(text)
    await exports.bind(given.id, vm)
    return vm
  } catch (error) {
    await exports.remove(given.id)
    throw error
  }
}

type Credentials = Awaited<ReturnType<Exports['create']>>['credentials']

function instantDisk(
  { disks }: PointExport,
  { key, credentials }: { readonly key: string; readonly credentials: Credentials },
): InstantDisk {
  const disk = disks.find(({ path }) => path === `/disk-${key}.raw`)
  if (!disk) throw new TypeError('Every disk was given away.')
  return { key, size: disk.size, exportName: disk.name, at: addressOf(disk.url, credentials) }
}

function addressOf(url: string, credentials: Credentials): InstantAddress {
  const parsed = new URL(url)
  if (!credentials) return { kind: 'unix', socketPath: parsed.searchParams.get('socket') ?? '' }
  const { ca, certificate, key } = credentials
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  return { kind: 'tls', host, port: Number(parsed.port), ca, certificate, key }
}

/** Moves the disks of a VM from its export to a storage while it runs; the export ends with that. */
export async function moveFromExport(
  { exports, connections }: InstantPorts,
  { given, storage }: { readonly given: PointExport & { readonly runs: VmId }; readonly storage: StorageId },
  task: ActionTask,
): Promise<void> {
  const connection = connectionOfId(given.runs)
  const instant = instantOf(connections.session(connection), given.vm)
  const each = new Map<string, number>()
  const total = given.disks.reduce((sum, { size }) => sum + size, 0)
  await instant.move(given.runs, {
    storage,
    journal: journalOn(task, connection),
    signal: task.signal,
    progress: ({ disk, doneBytes }) => {
      each.set(disk, doneBytes)
      task.bytes(
        [...each.values()].reduce((sum, bytes) => sum + bytes, 0),
        total,
      )
    },
  })
  // No host has it open any more.
  await exports.remove(given.id)
}
