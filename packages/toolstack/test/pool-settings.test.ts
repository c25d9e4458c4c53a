import { expect, test } from 'vitest'
import { find, logIn, quickToolstack, type Loose } from './client.ts'

test('settings of a pool reach its hosts', async () => {
  await using toolstack = await quickToolstack({ hosts: 2 })
  const client = await logIn(toolstack.url)
  const [pool] = await find(client, 'pool')
  await client.call('pool.disable_ssh', pool)
  await client.call('pool.set_ssh_enabled_timeout', pool, 600)
  await client.call('pool.set_console_idle_timeout', pool, 300)
  await client.call('pool.set_ssh_auto_mode', pool, false)
  for (const host of Object.values<Loose>(await client.call('host.get_all_records'))) {
    const set = { ssh_enabled: false, ssh_enabled_timeout: 600, console_idle_timeout: 300, ssh_auto_mode: false }
    expect(host).toMatchObject(set)
  }
  expect(await client.refusal('pool.set_ssh_enabled_timeout', pool, 172_801)).toEqual([
    'INVALID_VALUE',
    'ssh_enabled_timeout',
    '172801',
  ])
})

test('the proxy of repositories has its password in a secret, which goes with it', async () => {
  await using toolstack = await quickToolstack()
  const client = await logIn(toolstack.url)
  const [pool] = await find(client, 'pool')
  const configure = ['pool.configure_repository_proxy', pool] as const
  expect(await client.refusal(...configure, 'ftp://proxy', '', '')).toEqual([
    'INVALID_REPOSITORY_PROXY_URL',
    'ftp://proxy',
  ])
  expect(await client.refusal(...configure, 'http://proxy', 'me', '')).toEqual(['INVALID_REPOSITORY_PROXY_CREDENTIAL'])
  await client.call(...configure, 'http://proxy:3128', 'me', 'hidden')
  const [, record] = await find(client, 'pool')
  expect(record).toMatchObject({ repository_proxy_url: 'http://proxy:3128', repository_proxy_username: 'me' })
  expect(await client.call('secret.get_value', record.repository_proxy_password)).toBe('hidden')
  await client.call('pool.disable_repository_proxy', pool)
  expect((await find(client, 'pool'))[1]).toMatchObject({ repository_proxy_url: '' })
  expect((await client.refusal('secret.get_value', record.repository_proxy_password))[0]).toBe('HANDLE_INVALID')
})
