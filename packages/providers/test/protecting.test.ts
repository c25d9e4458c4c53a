import type { VmId } from '@nixen/api'
import { describe, expect, test } from 'vitest'
import { protectingConformance, type ProtectTarget } from '../src/conformance/index.ts'
import { protectWorld } from './protect-world.ts'

// NIXEN_SEED chooses other writes; NIXEN_LONG_TESTS=1 makes many rounds of them.
const seed = Number(process.env['NIXEN_SEED'] ?? 1)
const rounds = process.env['NIXEN_LONG_TESTS'] ? 40 : 3

const keyOf = (vm: VmId): string => vm.split('.')[2] ?? ''

async function xapiTarget(): Promise<ProtectTarget> {
  const world = await protectWorld()
  const { client } = world.xapi
  return {
    protect: world.session.protect,
    vm: world.vmId,
    write: (position, offset, bytes) => world.write(position, offset, bytes),
    content: (position, vm) => world.content(position, keyOf(vm)),
    async everything() {
      const { vms, vdis } = await world.inventory()
      return [...vms, ...vdis]
    },
    async remove(vm) {
      const ref = await client.VM.get_by_uuid(keyOf(vm))
      const disks = await Promise.all((await client.VM.get_VBDs(ref)).map((vbd) => client.VBD.get_VDI(vbd)))
      await client.VM.destroy(ref)
      for (const disk of disks) if (disk !== null) await client.VDI.destroy(disk)
    },
    halt: () => client.VM.hard_shutdown(world.vm),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

describe(`xapi on a toolstack (seed ${seed})`, () => {
  const cases = protectingConformance({ seed, rounds })
  test.each(cases.map((rule) => [rule.name, rule] as const))(
    '%s',
    async (_, rule) => {
      await expect(rule.run(xapiTarget)).resolves.toBeUndefined()
    },
    60_000 + rounds * 5000,
  )
})
