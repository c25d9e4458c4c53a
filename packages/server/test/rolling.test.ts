import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { PoolId } from '@nixen/api'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { Xapi } from '@nixen/xapi'
import { expect, test } from 'vitest'
import { admin, browser, eventually, spawnServer, temporaryState } from './rig.ts'

const hosts = 3

/** Ends a process, whatever became of it. */
function endOf(child: ChildProcess): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await once(child, 'exit')
    },
  }
}

/** When each host was started, by name, and which of them is down. */
async function started(xapi: Xapi): Promise<{ boots: Record<string, string>; down: string[] }> {
  const boots: Record<string, string> = {}
  const down: string[] = []
  const all = await xapi.client.host.get_all_records()
  for (const { name_label: name, other_config: config, metrics } of all.values()) {
    boots[name] = config['boot_time'] ?? ''
    if (metrics === null || !(await xapi.client.host_metrics.get_live(metrics))) down.push(name)
  }
  return { boots, down }
}

/** A pool whose hosts take their time, and whose VMs can all move. */
async function pool(): Promise<Toolstack> {
  const delays = { methods: { 'host.reboot': 600, 'VM.pool_migrate': 150 } }
  return await startToolstack({ hosts, vms: 4, loginDelay: false, waits: false, tls: false, delays })
}

async function stopImmobile({ client }: Xapi): Promise<void> {
  for (const host of await client.host.get_all()) {
    for (const vm of (await client.host.get_vms_which_prevent_evacuation(host)).keys())
      await client.VM.hard_shutdown(vm)
  }
}

test.each([
  ['empties the second host', (down: readonly string[]) => down.length === 0],
  ['waits for the second host', (down: readonly string[]) => down.length === 1],
] as const)(
  'a rolling reboot goes on after the server is killed while it %s',
  async (_, reached) => {
    await using state = await temporaryState()
    await using toolstack = await pool()
    await using xapi = await Xapi.connect({ url: toolstack.url, username: 'root', password: 'nixen' })
    await stopImmobile(xapi)
    const before = (await started(xapi)).boots
    const first = await spawnServer(state.path)
    await using _first = endOf(first.child)
    const tab = browser(first.url)
    tab.csrf = (await tab.client.session.setUp({ token: first.setUpUrl?.split('#')[1] ?? '', ...admin })).csrf
    await tab.client.connection.add({ kind: 'xapi', address: toolstack.url, password: 'nixen' })
    const id = await eventually(async (): Promise<PoolId | undefined> => (await tab.client.pool.list()).items[0]?.id)
    const { task } = await tab.client.pool.rollingReboot({ id })
    await eventually(async () => {
      const { state: now, error } = await tab.client.task.get({ id: task })
      if (now === 'failed') throw new Error(error?.message)
      const { rolling } = await tab.client.pool.get({ id })
      return rolling?.done === 1 && reached((await started(xapi)).down) ? true : undefined
    }, 20_000)
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')
    const afterKill = (await started(xapi)).boots
    const done = Object.keys(afterKill).find((name) => afterKill[name] !== before[name]) ?? ''

    const second = await spawnServer(state.path)
    await using _second = endOf(second.child)
    const { client } = Object.assign(browser(second.url), { cookie: tab.cookie, csrf: tab.csrf })
    const { rolling } = await eventually(async () => (await client.pool.list()).items.find((one) => one.rolling))
    expect(rolling).toEqual({ what: 'reboot', done: 1, hosts })
    expect((await client.task.get({ id: task })).error?.code).toBe('task.interrupted')
    const { task: again } = await client.pool.resumeRolling({ id })
    const ended = await eventually(async () => {
      const now = await client.task.get({ id: again })
      return now.finished === undefined ? undefined : now
    }, 30_000)
    expect(ended.error).toBeUndefined()
    const { boots, down } = await started(xapi)
    expect(down).toEqual([])
    // Each was rebooted, and what was done before was not done again.
    expect(Object.keys(boots).filter((name) => boots[name] === before[name])).toEqual([])
    expect(boots[done]).toBe(afterKill[done])
    await eventually(async () => ((await client.pool.get({ id })).rolling === undefined ? true : undefined))
    expect((await client.host.list({ q: 'enabled:true' })).total).toBe(hosts)
    await expect(client.pool.resumeRolling({ id })).rejects.toMatchObject({ code: 'request.not_allowed' })
  },
  90_000,
)
