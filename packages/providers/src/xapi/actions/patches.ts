import { connectionErrors } from '@nixen/api'
import type { Ref } from '@nixen/xapi'
import type { ActionTask } from '../../action/actions.ts'
import { patchesOf, updater } from '../inspect/patches.ts'
import { follow, type PoolContext } from './context.ts'

/** Installs all updates that a host lacks, and says which; none is no failure. @throws connection.unsupported on other products */
export async function installPatches(context: PoolContext, host: Ref<'host'>, task: ActionTask): Promise<number> {
  const { xapi } = context
  const missing = await patchesOf(context, host)
  const name = await xapi.client.host.get_name_label(host)
  if (missing.length === 0) {
    task.log(`${name} has all updates.`)
    return 0
  }
  task.log(`Installing on ${name}: ${missing.map((patch) => `${patch.name} ${patch.version ?? ''}`.trim()).join(', ')}`)
  await follow(context, xapi.client.async.host.call_plugin(host, updater, 'update', {}), task)
  const left = await patchesOf(context, host)
  if (left.length === 0) return missing.length
  throw connectionErrors.unsupported({
    action: `Updating ${name}`,
    reason: `${left.length} updates are still missing afterwards: ${left
      .map((patch) => patch.name)
      .join(', ')
      .slice(0, 300)}.`,
  })
}
