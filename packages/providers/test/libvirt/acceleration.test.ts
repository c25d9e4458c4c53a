import { systemClock as clock } from '@nixen/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootsGuests } from '../../src/libvirt/acceleration.ts'
import { LibvirtWorld } from './world.ts'

let world: LibvirtWorld
beforeAll(async () => {
  world = await LibvirtWorld.start()
})
afterAll(async () => await world?.[Symbol.asyncDispose]())

test('a probe tells whether guests run, and leaves nothing', async () => {
  const { libvirt } = world
  // Emulation runs everywhere, if slowly.
  expect(await bootsGuests(libvirt, { type: 'qemu', clock, within: 120_000 })).toBe(true)
  // A machine that never gets to the end of its firmware.
  expect(await bootsGuests(libvirt, { type: 'qemu', clock, within: 1 })).toBe(false)
  // Either answer is right here; it is no error that /dev/kvm is missing, closed to us, or of no use.
  expect(typeof (await bootsGuests(libvirt, { type: 'kvm', clock, within: 10_000 }))).toBe('boolean')
  expect(await world.everything()).toEqual([])
}, 180_000)
