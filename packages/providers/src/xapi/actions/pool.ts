import { connectionErrors, type ActionRequest, type Actions, type StorageId } from '@nixen/api'
import { Xapi, type Ref } from '@nixen/xapi'
import type { ActionTask, ProviderActions } from '../../action/actions.ts'
import { connectionError } from '../errors.ts'
import { follow, refOf, withKeys, type XapiContext } from './context.ts'
import { migrationNetworkKey } from './migration-network.ts'
import { abandon, resume, roll } from './rolling.ts'

/** What can be done with pools. */
export function poolActions(context: XapiContext): ProviderActions['pool'] {
  const { pool } = context.xapi.client
  const calls = context.xapi.client.async.pool
  return {
    async update({ id, name, description, tags, autoStart, migrationNetwork, ...more }) {
      const ref = await refOf(context, id, 'pool')
      await updateMore(context, ref, more)
      if (name !== undefined) await pool.set_name_label(ref, name)
      if (description !== undefined) await pool.set_name_description(ref, description)
      if (tags !== undefined) await pool.set_tags(ref, [...new Set(tags)])
      const keys: Record<string, string | undefined> = {}
      if (autoStart !== undefined) keys['auto_poweron'] = autoStart ? 'true' : undefined
      if (migrationNetwork !== undefined) keys[migrationNetworkKey] = await networkUuid(context, migrationNetwork)
      if (Object.keys(keys).length === 0) return
      await pool.set_other_config(ref, withKeys(await pool.get_other_config(ref), keys))
    },
    async setSdnController({ address, port }) {
      const { SDN_controller } = context.xapi.client
      for (const old of await SDN_controller.get_all()) await SDN_controller.forget(old)
      if (address !== null) await SDN_controller.introduce('ssl', address, port)
    },
    async addHost(request, task) {
      await addHost(context, request, task)
    },
    async enableHa({ id, storages, failures }, task) {
      const ref = await refOf(context, id, 'pool')
      // What somebody else has turned on is not ours to turn off again.
      if (await pool.get_ha_enabled(ref)) {
        throw connectionErrors.unsupported({ action: 'Turning it on', reason: 'high availability is on already.' })
      }
      const srs = await Promise.all(storages.map((storage) => refOf(context, storage, 'SR')))
      const undo = await task.undo({
        kind: 'pool.disableHa',
        what: 'Turn high availability off again',
        data: { pool: ref },
      })
      await follow(context, calls.enable_ha(srs, {}), task)
      if (failures !== undefined) await follow(context, calls.set_ha_host_failures_to_tolerate(ref, failures), task)
      await undo.forget()
    },
    async disableHa(_request, task) {
      await follow(context, calls.disable_ha(), task)
    },
    async rollingReboot({ id, afresh }, task) {
      await roll(context, { pool: await refOf(context, id, 'pool'), what: 'reboot', afresh }, task)
    },
    async rollingUpdate({ id, afresh }, task) {
      await roll(context, { pool: await refOf(context, id, 'pool'), what: 'update', afresh }, task)
    },
    async resumeRolling({ id }, task) {
      await resume(context, await refOf(context, id, 'pool'), task)
    },
    async abandonRolling({ id }) {
      await abandon(context, await refOf(context, id, 'pool'))
    },
  }
}

type More = Pick<
  ActionRequest<Actions['pool']['update']>,
  'migrationCompression' | 'suspendStorage' | 'crashDumpStorage'
>

async function updateMore(context: XapiContext, ref: Ref<'pool'>, more: More): Promise<void> {
  const { pool } = context.xapi.client
  const { migrationCompression, suspendStorage, crashDumpStorage } = more
  const srOf = async (storage: StorageId | null) => (storage === null ? null : await refOf(context, storage, 'SR'))
  if (migrationCompression !== undefined) await pool.set_migration_compression(ref, migrationCompression)
  if (suspendStorage !== undefined) await pool.set_suspend_image_SR(ref, await srOf(suspendStorage))
  if (crashDumpStorage !== undefined) await pool.set_crash_dump_SR(ref, await srOf(crashDumpStorage))
}

async function networkUuid(
  context: XapiContext,
  network: ActionRequest<Actions['pool']['update']>['migrationNetwork'],
): Promise<string | undefined> {
  if (!network) return undefined
  return await context.xapi.client.network.get_uuid(await refOf(context, network, 'network'))
}

/** A join is asked of the host that joins, which talks to the master itself: with the password that we have. */
async function addHost(
  context: XapiContext,
  { address, username, password, fingerprint, force }: ActionRequest<Actions['pool']['addHost']>,
  task: ActionTask,
): Promise<void> {
  const { master, credentials } = context
  const url = address.includes('://') ? address : `https://${address}`
  await using joining = await reach({ address, url, username, password, fingerprint }, task)
  const hosts = await joining.client.host.get_all()
  if (hosts.length > 1) {
    throw connectionErrors.unsupported({
      action: 'Joining',
      reason: `${address} is in a pool with other hosts. Eject it there first.`,
    })
  }
  const { pool } = joining.client.async
  const join = force ? pool.join_force : pool.join
  await joining.run(join(master(), credentials.username, credentials.password), {
    signal: task.signal,
    onProgress: (part) => task.progress(part),
  })
}

interface Joining {
  readonly address: string
  readonly url: string
  readonly username: string
  readonly password: string
  readonly fingerprint: string | undefined
}

/** Logs in on the host that joins. What fails is about that host, not about the pool. */
async function reach({ address, url, username, password, fingerprint }: Joining, task: ActionTask): Promise<Xapi> {
  try {
    return await Xapi.connect({
      url,
      username,
      password,
      originator: 'nixen',
      tls: fingerprint === undefined ? { kind: 'ca' } : { kind: 'pin', fingerprint },
      signal: task.signal,
    })
  } catch (error) {
    task.signal.throwIfAborted()
    throw connectionError(error, { address, username, fingerprint })
  }
}
