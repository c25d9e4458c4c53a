// Random changes of a pool, through its own API.
import type { Random } from '@nixen/core'
import { isXapiError, type EventClassName, type Records, type Ref, type Xapi } from '@nixen/xapi'

/** A VM that is neither a template nor a snapshot nor the host's own. */
export const isMachine = (vm: Records['VM']): boolean => !vm.is_a_template && !vm.is_a_snapshot && !vm.is_control_domain

/** One of a list, by chance. */
export function pick<T>(random: Random, list: readonly T[]): T {
  const item = list[Math.floor(random() * list.length)]
  if (item === undefined) throw new NothingToDo()
  return item
}

/** There is no object that a change fits. */
class NothingToDo extends Error {}

/** One object of a class, by chance. */
export async function any<C extends EventClassName>(
  xapi: Xapi,
  name: C,
  random: Random,
  wanted: (record: Records[C]) => boolean = () => true,
): Promise<readonly [Ref<C>, Records[C]]> {
  const resultType = `map(ref:${name},record:${name})`
  // The type asked for.
  const all = (await xapi.call(`${name}.get_all_records`, [], { session: true, resultType })) as ReadonlyMap<
    Ref<C>,
    Records[C]
  >
  return pick(
    random,
    [...all].filter(([, record]) => wanted(record)),
  )
}

/** Makes one change. What the host refuses, or finds nothing for, is none. */
export async function disturb(xapi: Xapi, random: Random): Promise<void> {
  try {
    await pick(random, changes)(xapi, random)
  } catch (error) {
    if (!isXapiError(error) && !(error instanceof NothingToDo)) throw error
  }
}

type Change = (xapi: Xapi, random: Random) => Promise<unknown>
const word = (random: Random): string => random().toString(36).slice(2, 8)

const vmChanges: readonly Change[] = [
  async (xapi, random) => {
    const [vm] = await any(xapi, 'VM', random)
    await xapi.client.VM.set_name_label(vm, `vm ${word(random)} ${'é'.repeat(random() * 9)}`)
  },
  async (xapi, random) => xapi.client.VM.add_tags((await any(xapi, 'VM', random))[0], word(random)),
  async (xapi, random) => {
    const [vm] = await any(xapi, 'VM', random, (record) => record.power_state === 'Halted' && isMachine(record))
    await xapi.client.VM.start(vm, false, false)
  },
  async (xapi, random) => {
    const [vm] = await any(xapi, 'VM', random, (record) => record.power_state === 'Running' && isMachine(record))
    await xapi.client.VM.hard_shutdown(vm)
  },
  async (xapi, random) => xapi.client.VM.suspend((await any(xapi, 'VM', random, isMachine))[0]),
  async (xapi, random) => xapi.client.VM.pause((await any(xapi, 'VM', random, isMachine))[0]),
  async (xapi, random) => xapi.client.VM.resume((await any(xapi, 'VM', random, isMachine))[0], false, false),
  async (xapi, random) =>
    xapi.client.VM.snapshot((await any(xapi, 'VM', random, isMachine))[0], `snap ${word(random)}`),
  async (xapi, random) => xapi.client.VM.checkpoint((await any(xapi, 'VM', random, isMachine))[0], 'check'),
  async (xapi, random) => xapi.client.VM.revert((await any(xapi, 'VM', random, (vm) => vm.is_a_snapshot))[0]),
  async (xapi, random) => xapi.client.VM.clone((await any(xapi, 'VM', random))[0], `clone ${word(random)}`),
  async (xapi, random) => {
    const [vm] = await any(xapi, 'VM', random, (record) => record.power_state === 'Halted')
    await xapi.client.VM.destroy(vm)
  },
  async (xapi, random) => {
    const [vm, { is_a_template: template }] = await any(xapi, 'VM', random, (record) => record.power_state === 'Halted')
    await xapi.client.VM.set_is_a_template(vm, !template)
  },
  async (xapi, random) => {
    const [vm] = await any(xapi, 'VM', random, (record) => record.power_state === 'Running' && isMachine(record))
    await xapi.client.VM.pool_migrate(vm, (await any(xapi, 'host', random))[0], { live: 'true' })
  },
  async (xapi, random) => xapi.run(xapi.client.async.VM.hard_reboot((await any(xapi, 'VM', random, isMachine))[0])),
  async (xapi, random) => {
    const [vm] = await any(xapi, 'VM', random, isMachine)
    await xapi.client.VM.set_blocked_operations(vm, random() < 0.5 ? {} : { destroy: 'mine' })
  },
  async (xapi, random) => {
    const [vm] = await any(xapi, 'VM', random, isMachine)
    await xapi.client.VM.set_affinity(vm, random() < 0.5 ? null : (await any(xapi, 'host', random))[0])
  },
]

const deviceChanges: readonly Change[] = [
  async (xapi, random) => xapi.client.VIF.destroy((await any(xapi, 'VIF', random))[0]),
  async (xapi, random) =>
    xapi.client.VIF.move((await any(xapi, 'VIF', random))[0], (await any(xapi, 'network', random))[0]),
  async (xapi, random) =>
    xapi.client.VIF.set_locking_mode((await any(xapi, 'VIF', random))[0], pick(random, ['locked', 'unlocked'])),
  async (xapi, random) => xapi.client.VIF.unplug((await any(xapi, 'VIF', random))[0]),
  async (xapi, random) => xapi.client.VBD.unplug((await any(xapi, 'VBD', random))[0]),
  async (xapi, random) => xapi.client.VBD.plug((await any(xapi, 'VBD', random))[0]),
  async (xapi, random) => xapi.client.VBD.destroy((await any(xapi, 'VBD', random))[0]),
  async (xapi, random) =>
    xapi.client.VBD.eject((await any(xapi, 'VBD', random, (vbd) => !vbd.empty && vbd.type === 'CD'))[0]),
  async (xapi, random) => {
    const [vbd] = await any(xapi, 'VBD', random, ({ empty, type }) => empty && type === 'CD')
    await xapi.client.VBD.insert(vbd, (await any(xapi, 'VDI', random, ({ read_only }) => read_only))[0])
  },
  async (xapi, random) => xapi.client.VDI.set_name_label((await any(xapi, 'VDI', random))[0], word(random)),
  async (xapi, random) => xapi.client.VDI.snapshot((await any(xapi, 'VDI', random))[0]),
  async (xapi, random) => xapi.client.VDI.clone((await any(xapi, 'VDI', random))[0]),
  async (xapi, random) => xapi.client.VDI.destroy((await any(xapi, 'VDI', random))[0]),
  async (xapi, random) => xapi.client.VDI.enable_cbt((await any(xapi, 'VDI', random))[0]),
]

const poolChanges: readonly Change[] = [
  async (xapi, random) => xapi.client.host.disable((await any(xapi, 'host', random))[0]),
  async (xapi, random) => xapi.client.host.enable((await any(xapi, 'host', random))[0]),
  async (xapi, random) => xapi.client.host.add_tags((await any(xapi, 'host', random))[0], word(random)),
  async (xapi, random) => xapi.client.SR.set_name_label((await any(xapi, 'SR', random))[0], word(random)),
  async (xapi, random) => xapi.client.PBD.unplug((await any(xapi, 'PBD', random))[0]),
  async (xapi, random) => xapi.client.PBD.plug((await any(xapi, 'PBD', random))[0]),
  async (xapi, random) => {
    const [pool] = await any(xapi, 'pool', random)
    await xapi.client.pool.set_default_SR(pool, (await any(xapi, 'SR', random))[0])
  },
  async (xapi, random) =>
    xapi.client.network.set_MTU((await any(xapi, 'network', random))[0], 1500 + Math.floor(random() * 2) * 7500),
  async (xapi, random) => {
    const [, { uuid }] = await any(xapi, 'VM', random)
    await xapi.client.message.create(
      'CUSTOM_ALARM',
      Math.ceil(random() * 5),
      'VM',
      uuid,
      random() < 0.5 ? '' : 'Look at it.',
    )
  },
  async (xapi, random) => xapi.client.message.destroy((await any(xapi, 'message', random))[0]),
  async (xapi, random) => xapi.client.task.create(`task ${word(random)}`, 'of a test'),
  async (xapi, random) => xapi.client.task.destroy((await any(xapi, 'task', random))[0]),
]

const changes: readonly Change[] = [...vmChanges, ...vmChanges, ...deviceChanges, ...deviceChanges, ...poolChanges]
