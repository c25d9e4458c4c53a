import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Server } from '../src/index.ts'
import { signUp, temporaryState, testServer, type Browser } from './rig.ts'

const state = await temporaryState()
let server: Server
let tab: Browser
beforeAll(async () => {
  server = await testServer(state.path)
  tab = await signUp(server)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
})

test('configurations for cloud-init are saved, listed by name, changed and deleted', async () => {
  const { client } = tab
  const web = await client.cloudConfig.create({ name: 'Web', user: '#cloud-config\nhostname: {name}-{index}\n' })
  const db = await client.cloudConfig.create({ name: 'Database', user: '#cloud-config\n', network: 'version: 2\n' })
  expect((await client.cloudConfig.list({})).items.map(({ name }) => name)).toEqual(['Database', 'Web'])
  expect(await client.cloudConfig.get({ id: db.id })).toEqual(db)
  await expect(client.cloudConfig.create({ name: 'WEB', user: 'x' })).rejects.toMatchObject({
    code: 'cloud_config.exists',
  })
  await expect(client.cloudConfig.update({ id: db.id, name: 'web' })).rejects.toMatchObject({
    code: 'cloud_config.exists',
  })
  const changed = await client.cloudConfig.update({ id: db.id, description: 'PostgreSQL', network: '' })
  expect(changed).toEqual({
    id: db.id,
    name: 'Database',
    user: db.user,
    description: 'PostgreSQL',
    created: db.created,
  })
  await client.cloudConfig.delete({ id: web.id })
  await expect(client.cloudConfig.get({ id: web.id })).rejects.toMatchObject({ code: 'cloud_config.not_found' })
  expect((await client.cloudConfig.list({})).items).toEqual([changed])
})
