import { formatId, parseId, type StorageId } from '@nixen/api'
import { formatBytes } from '@nixen/core'
import { constants as c, parseDomain, type Domain, type StoragePool } from '@nixen/libvirt'
import type { ProtectNote } from '../../protect/freeze.ts'
import type { RestorePlan, RestoreRequest } from '../../protect/restore.ts'
import { definitionOf, domainOf, isActive, type LibvirtContext } from '../actions/context.ts'

interface Planning {
  readonly notes: ProtectNote[]
  readonly problems: string[]
}

/** Works out where everything of a restore goes. Changes nothing. */
export async function planLibvirtRestore(context: LibvirtContext, request: RestoreRequest): Promise<RestorePlan> {
  const { config, identity } = request
  const planning: Planning = { notes: [], problems: [] }
  const { notes, problems } = planning
  if (config.provider !== 'libvirt' || typeof config.native['xml'] !== 'string') {
    problems.push(`The VM was backed up from ${config.provider}, and can be restored to such hosts only.`)
    return { request, name: request.name ?? config.name, disks: [], nics: [], notes, problems }
  }
  const known = new Set(config.disks.map(({ key }) => key))
  for (const key of request.disks ?? []) if (!known.has(key)) problems.push(`The backup has no disk ${key}.`)
  const into = identity.kind === 'into' ? await existing(context, identity.vm, planning) : undefined
  if (identity.kind === 'same') await assertFree(context, config.key, problems)
  const name = into?.dom.name ?? (await chooseName(context, request, planning))
  const disks = await planDisks(context, request, { into: into?.paths, ...planning })
  if (disks.length === 0 && config.disks.length > 0) problems.push('No disk of the VM is to be restored.')
  const nics = into ? [] : await planNics(context, request, notes)
  return { request, name, disks, nics, notes, problems }
}

async function existing(
  context: LibvirtContext,
  id: Parameters<typeof domainOf>[1],
  { problems }: Planning,
): Promise<{ dom: Domain; paths: ReadonlyMap<string, string> }> {
  const { main } = context.link
  const dom = await domainOf(context, id)
  if (await isActive(main, dom))
    problems.push(`${dom.name} is running; it has to be halted while its disks are replaced.`)
  const { disks } = parseDomain((await definitionOf(main, dom)).toString())
  return { dom, paths: new Map(disks.map(({ target, backing }) => [target, 'path' in backing ? backing.path : ''])) }
}

async function assertFree({ link }: LibvirtContext, uuid: string, problems: string[]): Promise<void> {
  const { domains } = await link.main.call.connectListAllDomains({ needResults: 1, flags: 0 })
  const found = domains.find((dom) => dom.uuid === uuid)
  if (found) problems.push(`The VM is still there, as ${found.name}. Restore into it, or as a new one.`)
}

/** libvirt knows domains by their names too: two cannot have one. */
async function chooseName(
  { link }: LibvirtContext,
  request: RestoreRequest,
  { notes, problems }: Planning,
): Promise<string> {
  const { domains } = await link.main.call.connectListAllDomains({ needResults: 1, flags: 0 })
  const taken = new Set(domains.map(({ name }) => name))
  const wanted = request.name ?? request.config.name
  if (!taken.has(wanted)) return wanted
  if (request.name !== undefined || request.identity.kind === 'same') {
    problems.push(`There is a VM called ${wanted} already. Choose another name.`)
    return wanted
  }
  let number = 2
  while (taken.has(`${wanted} (${number})`)) number++
  const name = `${wanted} (${number})`
  notes.push({ code: 'other-name', text: `The VM is called ${name}: there is a VM called ${wanted} already.` })
  return name
}

async function planDisks(
  { link, connection }: LibvirtContext,
  request: RestoreRequest,
  { into, notes, problems }: Planning & { readonly into: ReadonlyMap<string, string> | undefined },
): Promise<RestorePlan['disks']> {
  const { call } = link.main
  const flags = c.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE
  const { pools } = await call.connectListAllStoragePools({ needResults: 1, flags })
  const fallback =
    pools.find(({ name }) => name === 'default') ?? pools.toSorted((a, b) => (a.name < b.name ? -1 : 1))[0]
  const needed = new Map<StoragePool, number>()
  const plans: RestorePlan['disks'][number][] = []
  for (const disk of request.config.disks) {
    if (request.disks && !request.disks.includes(disk.key)) continue
    const asked = request.storageOf?.[disk.key] ?? request.storage
    const key = asked === undefined ? undefined : parseId(asked, 'storage')?.key
    const home = pools.find(({ name }) => name === disk.storage.key)
    const pool = asked === undefined ? (home ?? fallback) : pools.find(({ uuid }) => uuid === key)
    if (!pool) {
      problems.push(
        asked === undefined
          ? `No storage is there for the disk ${disk.name}. Choose one.`
          : `The storage that was chosen for the disk ${disk.name} is not there or not active.`,
      )
      continue
    }
    if (asked === undefined && !home) {
      notes.push({
        code: 'other-storage',
        text: `The disk ${disk.name} goes to ${pool.name}: ${disk.storage.name} is not there.`,
      })
    }
    needed.set(pool, (needed.get(pool) ?? 0) + disk.size)
    const id: StorageId = formatId({ type: 'storage', connection, key: pool.uuid })
    const replaces = into?.get(disk.key)
    plans.push({ disk, storage: { id, name: pool.name }, mode: 'whole', ...(replaces ? { replaces } : {}) })
  }
  for (const [pool, bytes] of needed) {
    const { available } = await call.storagePoolGetInfo({ pool })
    if (Number(available) >= bytes) continue
    const text = `${pool.name} has ${formatBytes(Number(available))} left, and the disks can need up to ${formatBytes(bytes)}.`
    notes.push({ code: 'storage-tight', text })
  }
  return plans
}

async function planNics(
  { link, connection }: LibvirtContext,
  request: RestoreRequest,
  notes: ProtectNote[],
): Promise<RestorePlan['nics']> {
  const { nets } = await link.main.call.connectListAllNetworks({ needResults: 1 })
  const mac = request.macs ?? (request.identity.kind === 'same' ? 'keep' : 'new')
  return request.config.nics.map((nic) => {
    const asked = request.networkOf?.[nic.network.key]
    if (asked === null) return { nic, network: null, mac }
    const key = asked === undefined ? undefined : parseId(asked, 'network')?.key
    const found =
      asked === undefined
        ? (nets.find(({ uuid }) => uuid === nic.network.key) ?? nets.find(({ name }) => name === nic.network.name))
        : nets.find(({ uuid }) => uuid === key)
    if (found) {
      const id = formatId({ type: 'network', connection, key: found.uuid })
      return { nic, network: { id, name: found.name }, mac }
    }
    const text = `There is no network like "${nic.network.name}" here: the NIC ${nic.position} is left out. Choose one, or add it later.`
    notes.push({ code: 'network-missing', text })
    return { nic, network: null, mac }
  })
}
