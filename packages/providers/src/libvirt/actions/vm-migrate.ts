import { connectionErrors, connectionOfId, formatId, type ActionRequest, type Actions } from '@nixen/api'
import {
  constants as c,
  isLibvirtError,
  parseDomain,
  parseStorageVolume,
  type Domain,
  type TypedParam,
} from '@nixen/libvirt'
import type { ActionResult, ActionTask } from '../../action/actions.ts'
import { contextOf } from './contexts.ts'
import { definitionOf, domainOf, isActive, type LibvirtContext } from './context.ts'
import { volumeBehind } from './vm-lifecycle.ts'
import { withJobAbort } from './vm-power.ts'
import { poolOrDefault, volumeXml } from './volumes.ts'

type Request = ActionRequest<Actions['vm']['migrateStorage']>

/**
 * Moves a VM to another host: live with its disks, or off without them being touched. Both hosts are asked by us (not one by the other), so
 * neither needs to reach the other's libvirt; QEMU of the first has to reach QEMU of the second. Five steps (libvirt's migration protocol 3):
 * begin, prepare, perform, finish, confirm. Whatever fails before `finish` leaves the VM where it is.
 */
export async function migrateVm(context: LibvirtContext, request: Request, task: ActionTask): Promise<ActionResult> {
  const there = contextOf(task.session(connectionOfId(request.host)))
  const dom = await domainOf(context, request.id)
  if (there.hostKey === context.hostKey) {
    throw connectionErrors.unsupported({ action: 'vm migrate-storage', reason: 'It is the host that the VM is on.' })
  }
  if (!(await isActive(context.link.main, dom))) {
    throw connectionErrors.unsupported({
      action: 'vm migrate-storage',
      reason: 'A VM that is off moves by backup and restore.',
    })
  }
  const isShared = await prepareDisks(context, there, { dom, request, task })
  await context.link.slow(async () => await live(context, there, { dom, isShared, task }), { signal: task.signal })
  context.touch({ domain: dom.uuid })
  there.touch({ domain: dom.uuid })
  return { made: [formatId({ type: 'vm', connection: there.connection, key: dom.uuid })] }
}

/** Makes empty volumes at the paths that the disks have, where the other host has none. Whether all disks were there already. */
async function prepareDisks(
  from: LibvirtContext,
  to: LibvirtContext,
  { dom, request, task }: { readonly dom: Domain; readonly request: Request; readonly task: ActionTask },
): Promise<boolean> {
  const { disks } = parseDomain((await from.link.main.call.domainGetXmlDesc({ dom })).xml)
  let isShared = true
  for (const disk of disks.filter(({ device }) => device === 'disk')) {
    const vol = await volumeBehind(from.link.main, disk)
    if (!vol || (await volumeBehind(to.link.main, disk))) continue
    isShared = false
    const {
      name,
      capacity,
      format = 'raw',
    } = parseStorageVolume((await from.link.main.call.storageVolGetXmlDesc({ vol })).xml)
    const pool = await poolOrDefault(to, request.storage)
    const text = volumeXml({ name, size: capacity, format: format === 'qcow2' ? 'qcow2' : 'raw' })
    const { vol: made } = await to.link.main.call.storageVolCreateXml({ pool, xml: text })
    task.log(`${made.name} was made on the other host.`)
  }
  return isShared
}

async function live(
  from: LibvirtContext,
  to: LibvirtContext,
  { dom, isShared, task }: { readonly dom: Domain; readonly isShared: boolean; readonly task: ActionTask },
): Promise<void> {
  const flags =
    c.VIR_MIGRATE_LIVE |
    c.VIR_MIGRATE_PERSIST_DEST |
    c.VIR_MIGRATE_UNDEFINE_SOURCE |
    c.VIR_MIGRATE_ABORT_ON_ERROR |
    // The same paths on both hosts are the same files; libvirt cannot know it of every file system.
    (isShared ? c.VIR_MIGRATE_UNSAFE : c.VIR_MIGRATE_NON_SHARED_DISK)
  const definition = (await definitionOf(from.link.main, dom)).toString()
  const params: TypedParam[] = [{ field: 'persistent_xml', value: { type: 'string', value: definition } }]
  const source = from.link.main.call
  await using far = await to.link.lane(task.signal)
  const { call: target } = far.libvirt
  await using near = await from.link.lane(task.signal)
  const begun = await source.domainMigrateBegin3Params({ dom, params, flags })
  const prepared = await target.domainMigratePrepare3Params({
    params: [
      ...params,
      { field: 'destination_xml', value: { type: 'string', value: begun.xml } },
      { field: 'destination_name', value: { type: 'string', value: dom.name } },
    ],
    cookieIn: begun.cookieOut,
    flags,
  })
  let cookie = prepared.cookieOut
  let failure: unknown
  try {
    const moving = near.libvirt.call.domainMigratePerform3Params({
      dom,
      dconnuri: undefined,
      params: [...params, ...(prepared.uriOut === undefined ? [] : [uriParam(prepared.uriOut)])],
      cookieIn: prepared.cookieOut,
      flags,
    })
    cookie = (await withJobAbort(from, dom, task, moving)).cookieOut
  } catch (error) {
    failure = error
  }
  const finished = await target
    .domainMigrateFinish3Params({
      params: [{ field: 'destination_name', value: { type: 'string', value: dom.name } }],
      cookieIn: cookie,
      flags,
      cancelled: failure ? 1 : 0,
    })
    .catch((error: unknown) => {
      failure ??= error
    })
  await source
    .domainMigrateConfirm3Params({
      dom,
      params: [],
      cookieIn: finished?.cookieOut ?? new Uint8Array(0),
      flags,
      cancelled: failure ? 1 : 0,
    })
    .catch((error: unknown) => {
      // It runs there: what is left here is told, not thrown.
      if (!failure) task.log(isLibvirtError(error) ? error.reason : 'The first host did not confirm the end.')
    })
  // oxlint-disable-next-line typescript/only-throw-error -- what was caught above
  if (failure) throw failure
}

function uriParam(uri: string): TypedParam {
  return { field: 'migrate_uri', value: { type: 'string', value: uri } }
}
