import type { Vm } from '@nixen/api'
import { startToolstack } from '@nixen/toolstack'
import { expect, test } from 'vitest'
import { eventually, logIn, signUp, temporaryState, testServer } from './rig.ts'

test('a role with a scope shows a part of the inventory, everywhere the same', async () => {
  await using state = await temporaryState()
  await using pool = await startToolstack({ vms: 30, hosts: 2, tls: false, loginDelay: false })
  await using server = await testServer(state.path)
  const { client } = await signUp(server)
  await client.connection.add({ kind: 'xapi', address: pool.url, password: 'nixen', name: 'Rack 1' })
  const all = await eventually(async () => {
    const { items } = await client.connection.list()
    return items[0]?.state === 'connected' ? (await client.vm.list({ limit: 1000 })).items : undefined
  })
  const isMine = (vm: Vm): boolean => vm.power === 'halted'
  const hidden = all.find((vm) => !isMine(vm))
  const shown = all.find((vm) => isMine(vm))
  if (!hidden || !shown) throw new Error('The inventory has VMs of one kind only')

  const role = await client.role.create({ name: 'Halted', grants: [{ actions: ['vm:read'], scope: 'power:halted' }] })
  const password = 'another long password'
  await client.user.create({ name: 'bob', password, roles: [role.id] })
  const bob = await logIn(server, { name: 'bob', password })
  const mine = all.filter((vm) => isMine(vm)).map(({ id }) => id)
  expect((await bob.client.vm.list({ limit: 1000 })).items.map(({ id }) => id).toSorted()).toEqual(mine.toSorted())
  expect((await bob.client.vm.list({ q: 'power:running' })).total).toBe(0)
  expect(await bob.client.vm.get({ id: shown.id })).toMatchObject({ id: shown.id })
  for (const refused of [bob.client.vm.get({ id: hidden.id }), bob.client.vm.native({ id: hidden.id })]) {
    await expect(refused).rejects.toMatchObject({ code: 'vm.not_found' })
  }
  await expect(bob.client.host.list()).rejects.toMatchObject({ code: 'auth.forbidden' })
  const { objects } = await bob.client.inventory.snapshot()
  expect(objects.vm.map(({ id }) => id).toSorted()).toEqual(mine.toSorted())
  expect(Object.entries(objects).filter(([type, list]) => type !== 'vm' && list.length > 0)).toEqual([])

  // What bob may see changes while he looks: he is told to begin anew.
  const stop = new AbortController()
  const events = bob.client.inventory.events({}, { signal: stop.signal })[Symbol.asyncIterator]()
  expect((await events.next()).value).toMatchObject({ event: 'hello' })
  const next = events.next()
  await client.role.update({ id: role.id, grants: [{ actions: ['vm:read'], scope: 'power:running' }] })
  expect((await next).value).toMatchObject({ event: 'reset', data: { reason: 'permissions' } })
  stop.abort()
})
