import { connectionErrors, type StorageSource } from '@nixen/api'
import { messageOf, systemRandom } from '@nixen/core'
import type { Ref } from '@nixen/xapi'
import type { ActionTask, ProviderActions } from '../../action/actions.ts'
import { markedName, markInName, newMark } from '../protect/marks.ts'
import { follow, idOf, refOf, type XapiContext } from './context.ts'
import { maintenanceActions, unplugAll } from './maintenance.ts'

/** What can be done with storages. */
export function storageActions(context: XapiContext): ProviderActions['storage'] {
  const { SR, PBD, pool, host: hosts } = context.xapi.client
  const calls = context.xapi.client.async
  return {
    async create({ host, name, description, source, existing, rootFileSystem }, task) {
      demandNotRoot(source, rootFileSystem)
      const ref = await refOf(context, host, 'host')
      const sr =
        existing === undefined
          ? await createSr(context, { host: ref, name, description, source }, task)
          : await attachSr(context, { host: ref, name, description, source, uuid: existing }, task)
      return { made: [await idOf(context, 'storage', { className: 'SR', ref: sr })] }
    },
    async update({ id, name, description, tags }) {
      const ref = await refOf(context, id, 'SR')
      if (name !== undefined) await SR.set_name_label(ref, name)
      if (description !== undefined) await SR.set_name_description(ref, description)
      if (tags !== undefined) await SR.set_tags(ref, [...new Set(tags)])
    },
    async scan({ id }, task) {
      await follow(context, calls.SR.scan(await refOf(context, id, 'SR')), task)
    },
    async connect({ id }, task) {
      for (const pbd of await SR.get_PBDs(await refOf(context, id, 'SR'))) {
        if (!(await PBD.get_currently_attached(pbd))) await follow(context, calls.PBD.plug(pbd), task)
      }
    },
    async disconnect({ id }, task) {
      const undo = await unplugAll(context, await refOf(context, id, 'SR'), task)
      await undo.forget()
    },
    ...maintenanceActions(context),
    async makeDefault({ id }, task) {
      const ref = await refOf(context, id, 'SR')
      for (const [one, record] of await pool.get_all_records()) {
        const { default_SR, suspend_image_SR, crash_dump_SR } = record
        const data = { pool: one, default_SR, suspend_image_SR, crash_dump_SR }
        const undo = await task.undo({ kind: 'pool.storages', what: 'Make the default storage what it was', data })
        await pool.set_default_SR(one, ref)
        await pool.set_suspend_image_SR(one, ref)
        await pool.set_crash_dump_SR(one, ref)
        await undo.forget()
      }
    },
    async reclaim({ id }, task) {
      const ref = await refOf(context, id, 'SR')
      const [pbd] = await SR.get_PBDs(ref)
      if (!pbd) throw connectionErrors.unsupported({ action: 'Reclaiming', reason: 'no host is attached to it.' })
      const args = { sr_uuid: await SR.get_uuid(ref) }
      const answer = await hosts.call_plugin(await PBD.get_host(pbd), 'trim', 'do_trim', args)
      task.log(answer)
    },
    async forget({ id }, task) {
      await follow(context, calls.SR.forget(await refOf(context, id, 'SR')), task)
    },
    async delete({ id }, task) {
      const ref = await refOf(context, id, 'SR')
      // The host attaches it by itself while it erases it.
      const undo = await unplugAll(context, ref, task)
      await follow(context, calls.SR.destroy(ref), task)
      await undo.forget()
    },
  }
}

interface NewSr {
  readonly host: Ref<'host'>
  readonly name: string
  readonly description: string
  readonly source: StorageSource
}

async function createSr(context: XapiContext, { host, name, description, source }: NewSr, task: ActionTask) {
  const { type, config, content, shared } = describe(source)
  const calls = context.xapi.client.async.SR
  const mark = newMark(systemRandom)
  // A share of ISO images is somebody's already; everything else is empty.
  const data = { mark, erase: content === 'user' }
  const undo = await task.undo({ kind: 'sr.removeMarked', what: `Remove the half-made storage ${name}`, data })
  const marked = markedName(name, mark)
  // Size 0: the driver finds out.
  const sr = await follow(context, calls.create(host, config, 0, marked, description, type, content, shared, {}), task)
  await context.xapi.client.SR.set_name_label(sr, name)
  await undo.forget()
  return sr
}

/** Removes the storage whose name bears a mark: erased when it was made anew, otherwise forgotten. */
export async function removeMarkedSr(
  { xapi }: XapiContext,
  { mark, erase }: { readonly mark: string; readonly erase: boolean },
): Promise<void> {
  const { SR, PBD } = xapi.client
  for (const [sr, { name_label: name, PBDs: pbds }] of await SR.get_all_records()) {
    if (markInName(name) !== mark) continue
    for (const pbd of pbds) if (await PBD.get_currently_attached(pbd)) await PBD.unplug(pbd)
    if (erase) await SR.destroy(sr)
    else await SR.forget(sr)
  }
}

/** Attaches a storage that is there already: nothing on it is written. Taken back as a whole when a host cannot attach it. */
async function attachSr(
  context: XapiContext,
  { host, name, description, source, uuid }: NewSr & { readonly uuid: string },
  task: ActionTask,
): Promise<Ref<'SR'>> {
  const { SR, PBD, host: hosts } = context.xapi.client
  const { type, config, content, shared } = describe(source)
  const undo = await task.undo({ kind: 'sr.forget', what: `Detach the storage ${name} again`, data: { uuid } })
  const sr = await SR.introduce(uuid, name, description, type, content, shared, {})
  for (const one of shared ? await hosts.get_all() : [host]) {
    const pbd = await PBD.create({ host: one, SR: sr, device_config: config, other_config: {} })
    await follow(context, context.xapi.client.async.PBD.plug(pbd), task)
  }
  await undo.forget()
  try {
    await follow(context, context.xapi.client.async.SR.scan(sr), task)
  } catch (error) {
    task.log(`It is attached, and could not be scanned: ${messageOf(error)}`)
  }
  return sr
}

interface Described {
  /** The driver. */
  readonly type: string
  readonly config: Readonly<Record<string, string>>
  readonly content: 'user' | 'iso'
  readonly shared: boolean
}

/** What the drivers of the hosts want to know (`device_config`, the storage manager's driver capabilities). */
export function describe(source: StorageSource): Described {
  switch (source.kind) {
    case 'ext':
    case 'lvm':
      return { type: source.kind, config: { device: source.device }, content: 'user', shared: false }
    case 'file':
      return { type: 'file', config: { location: source.path }, content: 'user', shared: false }
    case 'nfs': {
      const { server, path, version, options } = source
      const config = { server, serverpath: path, ...given({ nfsversion: version, options }) }
      return { type: 'nfs', config, content: 'user', shared: true }
    }
    case 'smb': {
      const { server, username, password } = source
      return { type: 'smb', config: { server, ...given({ username, password }) }, content: 'user', shared: true }
    }
    case 'iscsi': {
      const { target, iqn, scsiId, username, password } = source
      const chap = given({ chapuser: username, chappassword: password })
      return {
        type: 'lvmoiscsi',
        config: { target, targetIQN: iqn, SCSIid: scsiId, ...chap },
        content: 'user',
        shared: true,
      }
    }
    case 'iso-nfs': {
      const { server, path, version } = source
      const config = { location: `${server}:${path}`, type: 'nfs_iso', ...given({ nfsversion: version }) }
      return { type: 'iso', config, content: 'iso', shared: true }
    }
    case 'iso-smb': {
      const { server, username, password } = source
      const config = { location: server, type: 'cifs', ...given({ username, cifspassword: password }) }
      return { type: 'iso', config, content: 'iso', shared: true }
    }
    case 'iso-local':
      return { type: 'iso', config: { location: source.path, legacy_mode: 'true' }, content: 'iso', shared: false }
  }
}

function given(values: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

/** Folders of hosts that are other file systems as a rule; everything else is likely to be the small root file system. */
const mounted = /^\/(mnt|media|run\/sr-mount|srv|var\/opt)\//

function demandNotRoot(source: StorageSource, meant: boolean): void {
  if (meant || (source.kind !== 'file' && source.kind !== 'iso-local') || mounted.test(source.path)) return
  throw connectionErrors.unsupported({
    action: `A storage in ${source.path}`,
    reason:
      'that is likely on the root file system of the host, which stops working when it is full. Say rootFileSystem when it is meant.',
  })
}
