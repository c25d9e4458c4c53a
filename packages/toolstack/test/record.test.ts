import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Xapi } from '@nixen/xapi'
import { describe, expect, test } from 'vitest'
import { dumpText, recordPool, type Toolstack, type ToolstackDump } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose } from './client.ts'

async function record(toolstack: Toolstack): Promise<Loose> {
  await using xapi = await Xapi.connect({ url: toolstack.url, username: 'root', password: 'nixen' })
  return parsed(await recordPool(xapi))
}

/** Through the text of the file. */
function parsed(dump: ToolstackDump): Loose {
  return JSON.parse([...dumpText(dump)].join(''))
}

/** Differences of two dumps as `class.field`. */
function differences(a: Loose, b: Loose): string[] {
  const found = new Set<string>()
  for (const cls of new Set([...Object.keys(a.classes), ...Object.keys(b.classes)])) {
    const [before, after] = [a.classes[cls] ?? {}, b.classes[cls] ?? {}]
    if (Object.keys(before).toSorted().join() !== Object.keys(after).toSorted().join()) found.add(cls)
    for (const ref of Object.keys(before)) {
      for (const name of Object.keys(before[ref])) {
        const sorted = (value: Loose): Loose =>
          Array.isArray(value) ? value.map((item) => JSON.stringify(item)).toSorted((a, b) => (a < b ? -1 : 1)) : value
        const same = JSON.stringify(sorted(before[ref][name])) === JSON.stringify(sorted(after[ref]?.[name]))
        if (!same) found.add(`${cls}.${name}`)
      }
    }
  }
  return [...found].toSorted()
}

describe('a recorded pool', () => {
  test('is the same after loading, references and all', async () => {
    await using first = await quickToolstack({ hosts: 2, vms: 8 })
    const before = await record(first)
    await first[Symbol.asyncDispose]()
    await using second = await quickToolstack({ load: before, seed: 99 })
    expect(second.pools[0]?.notes).toEqual([])
    expect(second.pools[0]?.addresses).toEqual(first.pools[0]?.addresses)
    expect(differences(before, await record(second))).toEqual([])
    const client = await logIn(second.url)
    const [vm] = await find(client, 'VM', (each) => each.power_state === 'Halted' && !each.is_a_template)
    await client.call('VM.start', vm, false, false)
    const [disk] = await find(client, 'VDI', (each) => each.type === 'system')
    await client.call('VDI.snapshot', disk)
  })

  test('has no secrets, sessions, tasks or passwords', async () => {
    await using toolstack = await quickToolstack()
    const client = await logIn(toolstack.url)
    await client.call('secret.create', { value: 'hunter2', other_config: {} })
    const [sr] = await client.call('SR.get_all')
    const [pool] = await client.call('pool.get_all')
    await client.call('SR.add_to_other_config', sr, 'chappassword', 'hunter2')
    await client.call(
      'pool.add_to_other_config',
      pool,
      'url',
      'https://me:hunter2@proxy.example/?session_id=hunter2&x=1',
    )
    const dump = await record(toolstack)
    expect(JSON.stringify(dump)).not.toContain('hunter2')
    expect(JSON.stringify(dump)).not.toContain(client.session)
    expect(dump.classes.pool[pool].other_config.url).toBe('https://me@proxy.example/?session_id=&x=1')
    expect(Object.keys(dump.classes.secret)).toHaveLength(1)
    expect(Object.keys(dump.classes)).not.toContain('task')
  })

  test('keeps its state in a directory', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'nixen-load-'))
    await using first = await quickToolstack({ vms: 3 })
    const dump = await record(first)
    await first[Symbol.asyncDispose]()
    for (const round of [1, 2]) {
      await using loaded = await quickToolstack({ load: dump, dataDir: directory })
      const client = await logIn(loaded.url)
      const [vm] = await find(client, 'VM', (each) => !each.is_a_template)
      expect(await client.call('VM.get_name_description', vm)).toBe(
        round === 1 ? dump.classes.VM[vm].name_description : 'kept',
      )
      await client.call('VM.set_name_description', vm, 'kept')
    }
    await rm(directory, { recursive: true })
  })

  test('from another version is loaded as far as it is known, with notes', async () => {
    await using first = await quickToolstack({ hosts: 2, vms: 3 })
    const dump = await record(first)
    await first[Symbol.asyncDispose]()
    const [host = ''] = Object.keys(dump.classes.host)
    const [vm = ''] = Object.keys(dump.classes.VM)
    dump.classes.Flux = { 'OpaqueRef:flux': { uuid: 'x' } }
    dump.classes.VM[vm].warp = 9
    dump.classes.VM[vm].actions_after_crash = 'sublimate'
    delete dump.classes.VM[vm].domain_type
    dump.classes.VM['OpaqueRef:lost'] = {
      ...dump.classes.VM[vm],
      uuid: 'u',
      metrics: 'OpaqueRef:gone',
      consoles: ['OpaqueRef:gone'],
    }
    delete dump.classes.VM['OpaqueRef:lost'].warp
    await using second = await quickToolstack({ load: dump })
    expect(second.pools[0]?.notes).toEqual([
      'VM.actions_after_crash has a value that is not known here (on_crash_behaviour sublimate); it has its default (2 times)',
      'Field VM.warp is not known here',
      'Class Flux is not known here; its objects are left out',
    ])
    const client = await logIn(second.url)
    expect((await client.call('VM.get_record', 'OpaqueRef:lost')).consoles).toEqual([])
    expect(await client.call('host.get_address', host)).toBe('127.0.1.1')
  })

  test.each([
    ['nothing', null],
    ['another file', { a: 1 }],
    ['a newer version', { format: 'nixen-toolstack-dump', version: 2 }],
    ['records that are none', { format: 'nixen-toolstack-dump', version: 1, classes: { VM: { x: 5 } } }],
    ['no pool', { format: 'nixen-toolstack-dump', version: 1, classes: {} }],
    ['no master', { format: 'nixen-toolstack-dump', version: 1, classes: { pool: { p: { master: 'h' } } } }],
  ])('is refused when it is %s', async (_what, load) => {
    await expect(quickToolstack({ load })).rejects.toMatchObject({ code: 'toolstack.bad_dump' })
  })
})
