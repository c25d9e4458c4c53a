import { cpuTimeOf } from '@nixen/testkit/cpu-time'
import { describe, expect, test } from 'vitest'
import type { ConnectionId } from '../ids/own-id.ts'
import { formatId } from '../ids/resource-id.ts'
import type { Vm } from '../vm/vm.ts'
import { completeAt } from './complete.ts'
import { compileQuery, demandQuery } from './compile.ts'
import { queryTable, queryTypes } from './tables.ts'

const now = Date.UTC(2026, 0, 31, 12)
const day = 86_400_000
const connection = 'c1' as ConnectionId
const pool = formatId({ type: 'pool', connection, key: 'p1' })
const host = formatId({ type: 'host', connection, key: 'h1' })
const names = new Map<string, string>([
  [pool, 'Rack 1'],
  [host, 'xen-1'],
  [connection, 'Berlin'],
])
const context = { now, nameOf: (id: string) => names.get(id) }
const table = queryTable('vm')

function vm(key: string, fields: Partial<Vm>): Vm {
  const base = {
    connection,
    pool,
    tags: [],
    vcpus: 2,
    memory: 2 ** 31,
    ips: [],
    drives: [],
    diskSize: 0,
    nics: [],
    snapshots: 0,
  }
  return { ...base, id: formatId({ type: 'vm', connection, key }), name: key, power: 'halted', ...fields }
}

const vms = [
  vm('web-1', {
    power: 'running',
    host,
    tags: ['prod', 'env=live'],
    memory: 2 ** 33,
    ips: ['10.0.0.7', 'fe80::1'],
    started: now - 2 * day,
    created: Date.UTC(2026, 0, 3),
  }),
  vm('web-10', {
    power: 'running',
    host,
    tags: ['prod'],
    snapshots: 2,
    memory: 2 ** 34,
    started: now - day / 2,
    agent: { running: true, drivers: true },
  }),
  vm('db', {
    power: 'halted',
    description: 'keeps the web shop',
    tags: ['PROD'],
    os: { name: 'Debian GNU/Linux 13', family: 'linux' },
    created: now - 40 * day,
  }),
  vm('old', { power: 'suspended', blocked: { delete: 'payroll' }, secureBoot: true, memory: 2 ** 30 }),
]

function found(text: string): readonly string[] {
  const matches = demandQuery(text, table, context)
  return vms.filter(matches).map(({ name }) => name)
}

test.each([
  ['', ['web-1', 'web-10', 'db', 'old']],
  ['power:running', ['web-1', 'web-10']],
  ['power:RUNNING,halted', ['web-1', 'web-10', 'db']],
  ['power:*ed', ['db', 'old']],
  ['tag:prod', ['web-1', 'web-10', 'db']],
  ['tag:pro', []],
  ['tag:env=*', ['web-1']],
  ['web', ['web-1', 'web-10', 'db']],
  ['WEB-1', ['web-1', 'web-10']],
  ['name:=web-1', ['web-1']],
  ['name:web-*', ['web-1', 'web-10']],
  ['name:"web-*"', []],
  ['web-*', ['web-1', 'web-10']],
  [String.raw`name:/^web-\d$/`, ['web-1']],
  ['name:/WEB/', []],
  ['name:/WEB/i', ['web-1', 'web-10']],
  ['"the web"', ['db']],
  ['memory:>8GiB', ['web-10']],
  ['memory:>=8G', ['web-1', 'web-10']],
  ['ram:1G', ['old']],
  ['memory:2G..8G', ['web-1', 'db']],
  ['!has:snapshot', ['web-1', 'db', 'old']],
  ['has:host not has:agent', ['web-1']],
  ['has:ip', ['web-1']],
  ['ip:10.0.0.*', ['web-1']],
  ['ip:fe80::1', ['web-1']],
  ['host:xen-1 name:=web-10', ['web-10']],
  ['host:h1', ['web-1', 'web-10']],
  [`host:${host}`, ['web-1', 'web-10']],
  ['host:xen', []],
  ['pool:"rack 1" db', ['db']],
  ['connection:Berlin old', ['old']],
  ['uptime:>1d', ['web-1']],
  ['uptime:<1d', ['web-10']],
  ['created:<30d', ['web-1']],
  ['created:>30d', ['db']],
  ['created:2026-01', ['web-1']],
  ['created:2026-01-03', ['web-1']],
  ['created:<2026', ['db']],
  ['created:>2026-01-03', []],
  ['created:>=2026-01-03T00:00Z', ['web-1']],
  ['created:2025-12-01..2026-01-31', ['web-1', 'db']],
  ['os:debian', ['db']],
  ['os.family:linux', ['db']],
  ['agent.drivers:yes', ['web-10']],
  ['blocked:delete', ['old']],
  ['secureboot:true', ['old']],
  ['vcpus:2 power:halted', ['db']],
  ['(power:running or power:suspended) !tag:prod', ['old']],
  ['power:running tag:prod or name:old', ['web-1', 'web-10', 'old']],
  ['!(tag:prod or has:blocked)', []],
  ['vm:web-1', ['web-1']],
])('%s finds %j', (text, expected) => expect(found(text)).toEqual(expected))

describe('a wrong value is refused at its characters', () => {
  test.each([
    ['powr:running', 0, 4, 'There is no field "powr" in a vm.', 'power'],
    ['memory>8GiB', 0, 11, 'A colon comes after the field.', 'memory:>8GiB'],
    ['tag:a created>=2026-01-31', 6, 19, 'A colon comes after the field.', 'created:>=2026-01-31'],
    ['tag:a or has:snpshots', 13, 8, 'There is no field "snpshots"', 'snapshots'],
    ['power:runing', 6, 6, 'is never "runing", but one of running', 'running'],
    ['power:>running', 0, 14, 'cannot be compared with >', undefined],
    ['memory:>much', 8, 4, 'is not a size like 8GiB', undefined],
    ['uptime:>5', 8, 1, 'is not a duration', undefined],
    ['vcpus:two', 6, 3, 'is not a whole number', undefined],
    ['memory:/8/', 7, 3, 'works with text only', undefined],
    ['created:7d', 8, 2, 'created:<7d for newer', undefined],
    ['created:2026-02-30', 8, 10, 'is not a date', undefined],
    ['secureBoot:maybe', 11, 5, 'is yes or no', undefined],
    ['agent:yes', 0, 9, 'has parts', undefined],
    ['name:/a(/', 7, 1, 'closing bracket', undefined],
    ['has:"x"', 4, 3, 'name of a field', undefined],
    ['aa:bb:cc', 0, 2, 'There is no field "aa"', undefined],
  ])('%s', (text, offset, length, message, suggestion) => {
    const compiled = compileQuery(text, table, context)
    expect(compiled).toMatchObject({
      ok: false,
      problem: { offset, length, message: expect.stringContaining(message) },
    })
    expect(compiled).toMatchObject(suggestion === undefined ? {} : { problem: { suggestion } })
    expect(() => demandQuery(text, table, context)).toThrow(`at character ${offset + 1}`)
  })
})

test('every type has a table with fields that can be asked for', () => {
  for (const type of queryTypes) {
    expect({ type, searched: queryTable(type).fields.some(({ searched }) => searched) }).toEqual({
      type,
      searched: true,
    })
    expect(compileQuery('anything', queryTable(type), context).ok).toBe(true)
  }
})

test('10,000 VMs are filtered in a few milliseconds', async () => {
  const many = Array.from({ length: 10_000 }, (_, i) =>
    vm(`web-${i}`, { power: i % 2 ? 'running' : 'halted', tags: i % 5 ? ['prod'] : [], memory: (i % 32) * 2 ** 30 }),
  )
  const matches = demandQuery('power:running tag:prod memory:>8GiB name:web-* !has:snapshot', table, context)
  const rounds = 50
  const cpuTime = await cpuTimeOf(() => {
    for (let round = 0; round < rounds; round++) expect(many.filter(matches).length).toBeGreaterThan(1000)
  })
  // Usually below 2 ms; a slow machine may take several times as long.
  expect(cpuTime / rounds).toBeLessThan(10)
})

describe('completion', () => {
  const at = (text: string, options = {}) => {
    const caret = text.indexOf('|')
    const { offset, length, options: found } = completeAt(text.replace('|', ''), caret, table, options)
    return { offset, length, texts: found.map((option) => option.text) }
  }
  const valuesOf = ({ name }: { name: string }) => (name === 'tags' ? ['prod', 'web shop'] : [])

  test('offers fields where a condition begins, those that begin with the letters first', () => {
    expect(at('po|')).toMatchObject({ offset: 0, length: 2, texts: expect.arrayContaining(['power:', 'pool:']) })
    expect(at('tag:a !(mem|').texts[0]).toBe('memory:')
    expect(at('tag:"a b" |').offset).toBe(10)
    expect(at('!sna|')).toMatchObject({ offset: 1, length: 3 })
  })

  test('offers words, values of the inventory and examples after a field', () => {
    expect(at('power:ru|').texts).toEqual(['running'])
    expect(at('power:running,|')).toMatchObject({ offset: 14, length: 0, texts: expect.arrayContaining(['halted']) })
    expect(at('tag:|', { valuesOf }).texts).toEqual(['prod', '"web shop"'])
    expect(at('tag:"we|', { valuesOf }).texts).toEqual(['"web shop"'])
    expect(at('memory:|').texts).toContain('>8GiB')
    expect(at('has:snap|').texts).toContain('snapshots')
    expect(at('nothing:|').texts).toEqual([])
  })

  test('what it offers can be used', () => {
    for (const text of at('|', { limit: 200 }).texts.filter((option) => option.endsWith(':') && option !== 'has:')) {
      for (const value of at(`${text}|`, { valuesOf: () => ['x'] }).texts) {
        expect(compileQuery(`${text}${value}`, table, context).ok || `${text}${value}`).toBe(true)
      }
    }
  })
})
