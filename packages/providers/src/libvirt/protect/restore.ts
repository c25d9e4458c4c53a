import { formatId, newOwnId, protectErrors, type VmId } from '@nixen/api'
import { isAppError, messageOf, newUuid, type ByteStream } from '@nixen/core'
import { qcow2, type DiskSource } from '@nixen/disk'
import {
  constants as c,
  parseXml,
  readDisk,
  xml,
  type StoragePool,
  type StorageVol,
  type XmlElement,
} from '@nixen/libvirt'
import type { ProtectNote } from '../../protect/freeze.ts'
import type { RestoreDiskPlan, RestoredVm, RestoreOptions, RestorePlan } from '../../protect/restore.ts'
import type { ProtectEntry, ProtectStep } from '../../protect/undo.ts'
import { newMark } from '../../xapi/protect/marks.ts'
import { definitionOf, domainOf, isActive, poolOf, type LibvirtContext } from '../actions/context.ts'
import { undoStep } from '../actions/undo.ts'
import { newIdentity, volumeBehind } from '../actions/vm-lifecycle.ts'
import { startDomain } from '../actions/vm-power.ts'
import { formatOf, freeName, volumeXml } from '../actions/volumes.ts'
import { readMetadata, setMetadata } from '../metadata.ts'
import { lineageText } from './capture.ts'

/** Bytes read and sent at a time. */
const partSize = 1024 * 1024

interface Restoring {
  readonly plan: RestorePlan
  readonly options: RestoreOptions
  readonly notes: ProtectNote[]
  readonly begin: (step: ProtectStep) => Promise<void>
}

interface WrittenDisk {
  readonly plan: RestoreDiskPlan
  readonly vol: StorageVol
  readonly path: string
  readonly format: 'qcow2' | 'raw'
  readonly sentBytes: number
}

/** Carries out a plan: disks first, then the VM, so that nothing can be started before all is there. What fails is taken back. */
export async function restoreVm(
  context: LibvirtContext,
  plan: RestorePlan,
  options: RestoreOptions,
): Promise<RestoredVm> {
  if (plan.problems.length > 0) throw protectErrors.plan_impossible({ problems: plan.problems })
  const begun: { step: ProtectStep; entry: ProtectEntry }[] = []
  const restoring: Restoring = {
    plan,
    options,
    notes: [...plan.notes],
    begin: async (step) => void begun.push({ step, entry: await options.journal.undo(step) }),
  }
  try {
    const written: WrittenDisk[] = []
    for (const disk of plan.disks) written.push(await writeDisk(context, restoring, disk))
    const { identity } = plan.request
    const uuid =
      identity.kind === 'into'
        ? await putInto(context, restoring, { vm: identity.vm, written })
        : await define(context, restoring, written)
    for (const { entry } of begun.splice(0).toReversed()) await entry.forget()
    context.touch({ domain: uuid })
    const started = plan.request.start === true && (await start(context, uuid, restoring))
    return {
      vm: formatId({ type: 'vm', connection: context.connection, key: uuid }),
      name: plan.name,
      started,
      disks: written.map(({ plan: { disk, mode }, vol, sentBytes }) => ({
        key: disk.key,
        uuid: vol.key,
        mode,
        sentBytes,
      })),
      notes: restoring.notes,
    }
  } catch (error) {
    await takeBack(context, begun)
    options.signal?.throwIfAborted()
    throw error
  }
}

/** Undoes what was begun, the last step first. What can't be undone now stays in the journal. */
async function takeBack(
  context: LibvirtContext,
  begun: readonly { step: ProtectStep; entry: ProtectEntry }[],
): Promise<void> {
  for (const { step, entry } of begun.toReversed()) {
    try {
      await undoRestore(context, step)
      await entry.forget()
    } catch {
      // It is in the journal; what went wrong first is what counts. Earlier steps may build on this one: they wait as well.
      return
    }
  }
}

/** Steps of a restore are those of actions, with another name in front. */
export async function undoRestore(context: LibvirtContext, step: ProtectStep): Promise<void> {
  await undoStep(context, { ...step, kind: step.kind.replace(/^protect\./, '') })
}

async function writeDisk(context: LibvirtContext, restoring: Restoring, plan: RestoreDiskPlan): Promise<WrittenDisk> {
  const { options } = restoring
  const { main } = context.link
  const pool = await poolOf(context, plan.storage.id)
  const format = await formatOf(main, pool)
  await using source = await options.onDisk(plan.disk)
  let doneBytes = 0
  const told = countReads(source, (bytes) => {
    doneBytes += bytes
    options.progress?.({
      disk: plan.disk.key,
      doneBytes: Math.min(doneBytes, source.size),
      totalBytes: source.size,
      sentBytes: doneBytes,
    })
  })
  const encoded = format === 'qcow2' ? await qcow2.encode?.(told, { signal: options.signal }) : undefined
  // An image of qcow2 is a file of its own length; libvirt sees what it is when it looks again.
  const size = encoded?.length ?? source.size
  // Nobody else makes a volume of this name: what the step removes is ours.
  const mark = newMark(context.random)
  const name = await freeName(main, pool, { wanted: `${baseName(restoring.plan.name, plan)}-${mark}`, format })
  const vol = await create(context, restoring, { pool, name, size, what: plan.disk.name })
  try {
    const sentBytes = encoded
      ? await sendBytes(context, vol, encoded.bytes, options.signal)
      : await sendSparse(context, vol, told, options.signal)
    await context.link.slow(async ({ call }) => await call.storagePoolRefresh({ pool }))
    context.touch({ pool: pool.uuid })
    options.progress?.({ disk: plan.disk.key, doneBytes: source.size, totalBytes: source.size, sentBytes })
    const { name: path } = await main.call.storageVolGetPath({ vol })
    return { plan, vol, path, format, sentBytes }
  } catch (error) {
    options.signal?.throwIfAborted()
    if (isAppError(error) && !error.code.startsWith('libvirt.')) throw error
    throw protectErrors.restore_failed({ disk: plan.disk.name, reason: messageOf(error) }, { cause: error })
  }
}

const baseName = (vm: string, { disk }: RestoreDiskPlan): string => `${vm}-${disk.key}`

/** Makes an empty volume. */
async function create(
  { link }: LibvirtContext,
  { begin }: Restoring,
  { pool, name, size, what }: { pool: StoragePool; name: string; size: number; what: string },
): Promise<StorageVol> {
  const data = { pool: pool.name, name }
  await begin({ kind: 'protect.volume.deleteNamed', what: `Remove the half-restored disk ${what}`, data })
  const text = volumeXml({ name, size, format: 'raw' })
  return (await link.main.call.storageVolCreateXml({ pool, xml: text })).vol
}

async function sendBytes(
  { link }: LibvirtContext,
  vol: StorageVol,
  bytes: ByteStream,
  signal: AbortSignal | undefined,
): Promise<number> {
  await using libvirt = await link.main.another({ keepalive: false }, { signal })
  const { stream } = await libvirt.stream('storageVolUpload', { vol, offset: 0n, length: 0n }, { signal })
  await using _stream = stream
  let sent = 0
  for await (const part of bytes) {
    signal?.throwIfAborted()
    await stream.write(part)
    sent += part.length
  }
  await stream.finish()
  return sent
}

/** Sends the data of a disk; zeros become holes. */
async function sendSparse(
  { link }: LibvirtContext,
  vol: StorageVol,
  source: DiskSource,
  signal: AbortSignal | undefined,
): Promise<number> {
  await using libvirt = await link.main.another({ keepalive: false }, { signal })
  const flags = c.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM
  const { stream } = await libvirt.stream('storageVolUpload', { vol, offset: 0n, length: 0n, flags }, { signal })
  await using _stream = stream
  const buffer = new Uint8Array(partSize)
  let sent = 0
  for await (const { offset, length, kind } of source.extents({ signal })) {
    if (kind === 'zero') {
      await stream.hole(length)
      continue
    }
    for (let at = offset; at < offset + length; at += partSize) {
      signal?.throwIfAborted()
      const part = buffer.subarray(0, Math.min(partSize, offset + length - at))
      await source.read(at, part, { signal })
      // The stream may still hold it when the next part is read.
      await stream.write(Uint8Array.from(part))
      sent += part.length
    }
  }
  await stream.finish()
  return sent
}

function countReads(source: DiskSource, onRead: (bytes: number) => void): DiskSource {
  return {
    size: source.size,
    extents: (options) => source.extents(options),
    async read(offset, into, options) {
      await source.read(offset, into, options)
      onRead(into.length)
    },
    [Symbol.asyncDispose]: async () => await Promise.resolve(),
  }
}

/** Defines the VM with the restored disks. */
async function define(
  context: LibvirtContext,
  { plan, begin }: Restoring,
  written: readonly WrittenDisk[],
): Promise<string> {
  const { config, identity } = plan.request
  // The plan was made from it.
  const definition = parseXml(String(config.native['xml']), { root: 'domain' })
  const isSame = identity.kind === 'same'
  const uuid = isSame ? config.key : newUuid()
  const macs =
    definition
      .find('devices')
      ?.children('interface')
      .map((nic) => nic.find('mac')?.get('address')) ?? []
  newIdentity(definition, { name: plan.name, uuid, created: context.clock.now() })
  setNics(definition, plan, macs)
  for (const disk of definition.find('devices')?.children('disk') ?? []) {
    const { target, device } = readDisk(disk)
    const found = written.find(
      ({
        plan: {
          disk: { key },
        },
      }) => key === target,
    )
    if (found) setSource(disk, found)
    // What was not backed up is not there.
    else if (device === 'disk') definition.find('devices')?.remove(disk)
    else disk.remove('source')
  }
  const old = readMetadata(definition)
  const lineage = isSame ? config.lineage : newOwnId<'lineage'>()
  const tags = [...new Set([...old.tags, ...(plan.request.addTags ?? [])])].toSorted()
  setMetadata(definition, { ...old, tags, checkpoints: {}, lineage: lineageText(lineage, uuid) })
  const { domains } = await context.link.main.call.connectListAllDomains({ needResults: 1, flags: 0 })
  if (domains.some((dom) => dom.uuid === uuid || dom.name === plan.name)) {
    // To define it would change the one that is there.
    throw protectErrors.plan_impossible({ problems: [`There is a VM called ${plan.name}, or with its uuid, by now.`] })
  }
  await begin({ kind: 'protect.domain.undefine', what: `Remove the half-restored VM ${plan.name}`, data: { uuid } })
  await context.link.main.call.domainDefineXmlFlags({ xml: definition.toString() })
  return uuid
}

function setSource(disk: XmlElement, { path, format }: WrittenDisk): void {
  const isBlock = path.startsWith('/dev/')
  disk
    .set('type', isBlock ? 'block' : 'file')
    .remove('source')
    .remove('backingStore')
    .remove('mirror')
  disk.add(xml('source', isBlock ? { dev: path } : { file: path }))
  disk.ensure('driver').set('name', 'qemu').set('type', format)
}

function setNics(definition: XmlElement, { nics }: RestorePlan, macs: readonly (string | undefined)[]): void {
  const devices = definition.ensure('devices')
  for (const [index, element] of devices.children('interface').entries()) {
    const plan = nics.find(({ nic }) => nic.position === String(index))
    // Those that are on no network of libvirt stay as they were.
    if (!plan) continue
    if (plan.network === null) devices.remove(element)
    else element.ensure('source').set('network', plan.network.name).set('portid', undefined).set('bridge', undefined)
    const mac = macs[index]
    if (plan.mac === 'keep' && mac !== undefined) element.ensure('mac').set('address', mac)
  }
}

/** Gives an existing VM the restored disks in place of its own. */
async function putInto(
  context: LibvirtContext,
  { plan, notes }: Restoring,
  { vm, written }: { readonly vm: VmId; readonly written: readonly WrittenDisk[] },
): Promise<string> {
  const { main } = context.link
  const dom = await domainOf(context, vm)
  if (await isActive(main, dom)) throw protectErrors.plan_impossible({ problems: [`${dom.name} runs.`] })
  const definition = await definitionOf(main, dom)
  const devices = definition.ensure('devices')
  const replaced: StorageVol[] = []
  for (const disk of written) {
    const target = disk.plan.disk.key
    const element = devices.children('disk').find((one) => readDisk(one).target === target)
    if (!element) {
      const bus = target.startsWith('vd') ? 'virtio' : target.startsWith('hd') ? 'ide' : 'sata'
      const added = xml('disk', { type: 'file', device: 'disk' }, xml('target', { dev: target, bus }))
      setSource(devices.add(added), disk)
      continue
    }
    const old = await volumeBehind(main, readDisk(element))
    if (old) replaced.push(old)
    setSource(element, disk)
  }
  setMetadata(definition, { ...readMetadata(definition), checkpoints: {} })
  await main.call.domainDefineXmlFlags({ xml: definition.toString() })
  // From here on there is no way back: the VM has the restored disks.
  for (const vol of replaced) {
    if (plan.request.keepReplaced) {
      notes.push({ code: 'replaced-kept', text: `The replaced disk ${vol.name} stays on ${vol.pool}.` })
      continue
    }
    await main.call.storageVolDelete({ vol, flags: 0 }).catch((error: unknown) => {
      notes.push({
        code: 'replaced-left',
        text: `The replaced disk ${vol.name} could not be removed (${messageOf(error)}).`,
      })
    })
  }
  return dom.uuid
}

/** Starts the VM. That it can't be is no failure of the restore, but something to know. */
async function start({ link, connection }: LibvirtContext, uuid: string, { notes }: Restoring): Promise<boolean> {
  const { dom } = await link.main.call.domainLookupByUuid({ uuid })
  const id = formatId({ type: 'vm', connection, key: uuid })
  try {
    await link.slow(async (libvirt) => await startDomain(libvirt, dom, { id, paused: false }))
    return true
  } catch (error) {
    notes.push({ code: 'not-started', text: `The VM is restored and could not be started (${messageOf(error)}).` })
    return false
  }
}
