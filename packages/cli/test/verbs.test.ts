import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { allEndpoints, inventoryTypes } from '@nixen/api'
import { systemClock } from '@nixen/core'
import type { Server } from '@nixen/server'
import type { Toolstack } from '@nixen/toolstack'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { complete } from '../src/completion/complete.ts'
import { localSocket } from '../src/connect/state-directory.ts'
import { Interrupted, type NixenContext } from '../src/context.ts'
import { connectPool, eventually, makePlace, pool, serverIn, type Place } from './rig.ts'

// The verbs of the contract against a server with two simulated pools, asked by its local socket.

let place: Place
let server: Server
let toolstack: Toolstack
beforeAll(async () => {
  place = await makePlace()
  server = await serverIn(place)
  toolstack = await pool({ pools: 2 })
  await connectPool(place, toolstack, 0, 'one')
  await eventually(async () => (await place.ask('vm', 'list')).total === 12)
}, 60_000)
afterAll(async () => {
  await toolstack[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

async function firstVm(q: string): Promise<{ id: string; name: string; pool: string; host?: string; memory: number }> {
  const { items } = await place.ask('vm', 'list', '-q', q)
  expect(items).not.toHaveLength(0)
  return items[0]
}

test('the local socket is where the server says', () => expect(localSocket(place.state)).toBe(server.localSocket))

test('every verb of the contract has a command with help, and every type of the inventory can be watched', async () => {
  const verbs = allEndpoints.flatMap(({ endpoint }) => endpoint.cli?.verb ?? [])
  expect(verbs.length).toBeGreaterThan(50)
  for (const verb of [...verbs, ...inventoryTypes.map((type) => `${type} watch`), 'task wait', 'disk info']) {
    const { code, stdout } = await place.nixen([...verb.split(' '), '--help'])
    expect([verb, code, stdout.includes(`nixen ${verb}`)]).toEqual([verb, 0, true])
  }
})

describe('a list', () => {
  test('is a table with names in the place of ids, sizes and the columns that are asked for', async () => {
    const vm = await firstVm('power:running')
    const host = await place.ask('host', 'get', vm.host!)
    const { stdout } = await place.nixen([
      'vm',
      'list',
      '-q',
      `name:=${vm.name}`,
      '--columns',
      'name,host,memory,os.name',
    ])
    const [titles, row, ...rest] = stdout.trimEnd().split('\n')
    expect(titles).toMatch(/^NAME +HOST +MEMORY +OS NAME$/)
    expect(row).toContain(host.name)
    expect(row).toMatch(/[0-9.]+ [GM]iB/)
    expect(rest).toEqual([])
  })

  test('is given whole over several pages, or up to a limit with where to go on', async () => {
    const whole = await place.ask('vm', 'list', '--sort=-name')
    const part = await place.ask('vm', 'list', '--sort=-name', '--limit', '5')
    expect(part).toEqual({ items: whole.items.slice(0, 5), total: 12, next: expect.any(String) })
    const rest = await place.ask('vm', 'list', '--sort=-name', '--cursor', part.next)
    expect([...part.items, ...rest.items]).toEqual(whole.items)
  })

  test('fits the terminal: without ids, and with names whole', async () => {
    const narrow = (await place.nixen(['vm', 'list'], { columns: 100 })).stdout.trimEnd().split('\n')
    expect(Math.max(...narrow.map((line) => line.length))).toBeLessThanOrEqual(100)
    const { items } = await place.ask('vm', 'list')
    for (const { id, name } of items) {
      expect(narrow.some((line) => line.startsWith(`${name} `))).toBe(true)
      expect(narrow.some((line) => line.includes(id))).toBe(false)
    }
    const chosen = await place.nixen(['vm', 'list', '--columns', 'id,name'], { columns: 40 })
    for (const { id, name } of items) expect(chosen.stdout).toContain(`${id}  ${name}\n`)
  })

  test.each([
    [['vm', 'list', '-q', 'powr:x'], 1, /character 1.*\[query\.invalid\]/],
    [['vm', 'list', '--columns', 'nam'], 1, /no column nam.*\[cli\.bad_column\]/],
    [['vm', 'list', '--limit', '0'], 2, /not a whole number above 0/],
    [['vm', 'get', 'no such vm'], 1, /no vm called "no such vm".*\[cli\.not_found\]/],
    [['connection', 'add', 'xen', 'https://x'], 2, /none of xapi, libvirt, proxmox/],
    [['connection', 'add', 'xapi', 'https://x'], 1, /^nixen: --password-file: It is missing\. \[request\.invalid\]/],
    [['connection', 'add', 'xapi', 'x', '--fingerprint', 'y'], 1, /ADDRESS: .* --fingerprint: Not a SHA-256/],
    [['user', 'create', 'eve'], 1, /--password-file.*\[cli\.no_secret\]/],
  ])('%j ends with %d and a sentence', async (args, code, sentence) => {
    const result = await place.nixen(args)
    expect([result.code, result.stdout]).toEqual([code, ''])
    expect(result.stderr).toMatch(sentence)
  })
})

describe('names', () => {
  test('an object is found by id, by the id of its provider and by name', async () => {
    const vm = await firstVm('power:halted')
    for (const name of [vm.id, vm.id.split('.')[2]!, vm.name])
      expect((await place.ask('vm', 'get', name)).id).toBe(vm.id)
  })

  test('of two pools are ambiguous until the pool is said', async () => {
    await connectPool(place, toolstack, 1, 'two')
    const vms = async (): Promise<{ id: string; name: string; pool: string }[]> => (await place.ask('vm', 'list')).items
    await eventually(async () => (await vms()).length === 24)
    const twins = [...Map.groupBy(await vms(), ({ name }) => name).values()].find((same) => same.length === 2)
    const [first, second] = twins ?? []
    const { code, stderr } = await place.nixen(['vm', 'get', first!.name])
    expect(code).toBe(1)
    expect(stderr).toContain(`There are 2 vms called "${first!.name}"`)
    for (const vm of [first!, second!]) {
      const { name: poolName } = await place.ask('pool', 'get', vm.pool)
      expect(stderr).toContain(`${poolName}/${vm.name} (${vm.id})`)
      expect(await place.ask('vm', 'get', `${poolName}/${vm.name}`)).toMatchObject({ id: vm.id })
    }
    expect((await place.nixen(['vm', 'get', `no such pool/${first!.name}`])).stderr).toContain('[cli.not_found]')
    await place.ask('connection', 'remove', 'two')
    await eventually(async () => (await vms()).length === 12)
  }, 60_000)
})

describe('an action', () => {
  test('is followed until its task is done', async () => {
    const { name } = await firstVm('power:halted')
    const started = await place.nixen(['vm', 'start', name])
    expect(started).toMatchObject({ code: 0, stderr: '' })
    expect(started.stdout).toMatch(new RegExp(`Start ${name}: done in `))
    expect((await place.ask('vm', 'get', name)).power).toBe('running')
    const again = await place.nixen(['vm', 'start', name])
    expect([again.code, again.stdout]).toEqual([1, ''])
    expect(again.stderr).toMatch(/\[request\.not_allowed\]/)
  })

  test('only says which task it is with --no-wait, which can be waited for', async () => {
    const { name } = await firstVm('power:running')
    const { task } = await place.ask('vm', 'hard-shutdown', name, '--no-wait')
    expect(task).toMatch(/^task\.nixen\./)
    expect(await place.ask('task', 'wait', task)).toMatchObject({ id: task, state: 'succeeded' })
  })

  test('that fails says why and ends with 1, also when it is waited for later', async () => {
    const { name } = await firstVm('power:halted')
    toolstack.pools[0]!.faults.add({ method: 'VM.*', count: 1, error: ['HOST_NOT_ENOUGH_FREE_MEMORY', '1', '0'] })
    const failed = await place.nixen(['vm', 'start', name])
    expect([failed.code, failed.stdout]).toEqual([1, ''])
    expect(failed.stderr).toMatch(new RegExp(`^nixen: Start ${name}: .*\\[.+\\]`))
  })

  test('goes on when the user stops to wait, who is told how to look after it', async () => {
    const { name } = await firstVm('power:halted')
    const stop = AbortSignal.abort(new Error('Interrupted.'))
    const { code, stderr } = await place.nixen(['task', 'wait', 'task.nixen.aaaaaaaaaaaa'], { signal: stop })
    expect(code).not.toBe(0)
    expect(stderr).toContain('nixen task wait task.nixen.aaaaaaaaaaaa')
    expect(stderr).toContain('nixen task cancel')
    expect((await place.ask('vm', 'get', name)).power).toBe('halted')
  })
})

test('watching shows changes as lines until it is stopped', async () => {
  const { name } = await firstVm('power:halted')
  const stop = new AbortController()
  const watching = place.nixen(['vm', 'watch', '-q', `name:=${name}`], {
    signal: stop.signal,
    onOutput: () => stop.abort(new Interrupted('SIGINT')),
  })
  // When the stream is open nobody says: changes are made until one is seen.
  for (let turn = 1; !stop.signal.aborted && turn < 200; turn++) {
    await place.ask('vm', 'update', name, '--description', `turn ${turn}`)
  }
  const { code, stdout } = await watching
  expect(code).toBe(0)
  expect(stdout).toMatch(new RegExp(`^[-0-9]+ [:0-9]+  ${name}  .*(description: .* → turn \\d+|busy: )`))
}, 60_000)

test('a bulk action that is only tried says what it would do, and begins nothing', async () => {
  const { name } = await firstVm('power:halted')
  const { code, stdout } = await place.nixen(['bulk', 'vm.start', '-q', `name:=${name}`, '--dry-run'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/allowed: +1/)
  expect(stdout).toContain(name)
  expect(await place.ask('vm', 'get', name)).toMatchObject({ power: 'halted' })
})

describe('completion', () => {
  const contextIn = (env: Readonly<Record<string, string>>): NixenContext => ({
    process: { stdout: process.stdout, stderr: process.stderr, env },
    signal: new AbortController().signal,
    clock: systemClock,
  })
  const ask = async (...words: readonly string[]): Promise<readonly string[]> => {
    const context = contextIn(place.env)
    return (await complete(words, context))
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t')[0]!)
  }
  test.each([
    [['v'], 'vm'],
    [['vm', 'l'], 'list'],
    [['vm', 'list', '--col'], '--columns'],
    [['vm', 'list', '-q', 'pow'], 'power:'],
    [['vm', 'list', '-q', 'tag:prod power:ru'], 'tag:prod power:running'],
    [['connection', 'add', 'x'], 'xapi'],
    [['profile', 'use', 'l'], 'local'],
    [['disk', ''], 'convert'],
    [['disk', ''], 'list'],
  ])('%j offers %s', async (words, offered) => expect(await ask(...words)).toContain(offered))

  test('offers the names of objects', async () => {
    const { name } = await firstVm('power:halted')
    expect(await ask('vm', 'get', name.slice(0, 3))).toContain(name)
  })

  test('offers nothing, and no error, without a server', async () => {
    const context = contextIn({ HOME: place.folder })
    expect(await complete(['vm', 'get', 'w'], context)).toBe('')
  })
})

test('a file without a secret is said, whether one is needed or not', async () => {
  const file = join(place.folder, 'empty')
  await writeFile(file, '\n')
  const { code, stderr } = await place.nixen([
    'connection',
    'add',
    'xapi',
    'https://127.0.0.1:9',
    '--password-file',
    file,
  ])
  expect([code, stderr]).toEqual([1, expect.stringContaining('[cli.empty_password]')])
})

test('a secret comes from a file, and lists of objects from fields', async () => {
  const file = join(place.folder, 'secret')
  await writeFile(file, 'a long enough password 7\nsecond line\n')
  await place.ask('user', 'create', 'ada', '--roles', 'admin', '--password-file', file)
  const user = await place.ask(
    'user',
    'create',
    'mia',
    '--roles',
    'operator',
    '--roles',
    'read-only',
    '--password-file',
    file,
  )
  expect(user).toMatchObject({ name: 'mia', roles: ['operator', 'read-only'] })
  expect(await place.ask('user', 'update', 'mia', '--roles', '')).toMatchObject({ roles: [] })
  expect(await place.ask('user', 'delete', 'mia')).toBeNull()
})
