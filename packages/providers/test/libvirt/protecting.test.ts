import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { protectingConformance, type ProtectTarget } from '../../src/conformance/index.ts'
import { libvirtProvider } from '../../src/index.ts'
import { ports } from '../connect.ts'
import { diskSizes, idOf, LibvirtWorld, specOf, uuidOf } from './world.ts'

// NIXEN_SEED chooses other writes; NIXEN_LONG_TESTS=1 makes many rounds of them.
const seed = Number(process.env['NIXEN_SEED'] ?? 1)
const rounds = process.env['NIXEN_LONG_TESTS'] ? 40 : 3

let world: LibvirtWorld

beforeAll(async () => {
  world = await LibvirtWorld.start()
})

afterAll(async () => {
  await world?.[Symbol.asyncDispose]()
})

let count = 0

async function libvirtTarget(): Promise<ProtectTarget> {
  const name = `vm-${++count}`
  const paths = await Promise.all(diskSizes.map(async (size, i) => await world.disk(`${name}-${i}.qcow2`, size)))
  const dom = await world.define(name, paths)
  await world.start(dom)
  const session = await libvirtProvider.open(specOf(world.daemon), ports)
  const { call } = world.libvirt
  const domOf = async (vm: ProtectTarget['vm']) => (await call.domainLookupByUuid({ uuid: uuidOf(vm) })).dom
  return {
    protect: session.protect,
    vm: idOf(dom.uuid),
    write: async (position, offset, bytes) => await world.write(dom, `vd${'ab'[position] ?? 'z'}`, { offset, bytes }),
    content: async (position, vm) => await world.content(await domOf(vm), `vd${'ab'[position] ?? 'z'}`),
    everything: async () => await world.everything(),
    remove: async (vm) => await world.remove(await domOf(vm)),
    async halt() {
      await call.domainDestroyFlags({ dom })
    },
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]()
      await world.remove(dom)
    },
  }
}

describe(`libvirt with QEMU (seed ${seed})`, () => {
  const cases = protectingConformance({ seed, rounds })
  test.each(cases.map((rule) => [rule.name, rule] as const))(
    '%s',
    async (_, rule) => {
      await expect(rule.run(libvirtTarget)).resolves.toBeUndefined()
    },
    120_000 + rounds * 5000,
  )
})
