import type { Host, Pool, Storage, Vm } from '@nixen/api'
import { expect, test } from 'vitest'
import { treeRows, type TreeInput } from './tree-rows.ts'

// Only what the tree reads.
const pool = { id: 'pool.c.1', name: 'Lab' } as Pool
const hosts = ['b', 'a'].map((name) => ({ id: `host.c.${name}`, name, pool: pool.id })) as unknown as Host[]
const storages = [{ id: 'storage.c.s', name: 'NAS', pool: pool.id }] as unknown as Storage[]
const vm = (name: string, rest: object) =>
  ({ id: `vm.c.${name}`, name, pool: pool.id, power: 'running', tags: [], drives: [], ...rest }) as unknown as Vm
const vms = [
  vm('web-10', { host: 'host.c.a', tags: ['web', 'prod'], drives: [{ disk: 'disk.c.1' }] }),
  vm('web-2', { host: 'host.c.a', tags: ['web'] }),
  vm('off', { power: 'halted' }),
]
const input = (rest: Partial<TreeInput>): TreeInput => ({
  pools: [pool],
  hosts,
  storages,
  vms,
  disks: new Map([['disk.c.1', 'storage.c.s']]),
  grouping: 'host',
  open: new Set([pool.id]),
  words: { none: 'none', noName: '?' },
  ...rest,
})
const shown = (given: TreeInput): readonly string[] =>
  treeRows(given).map(
    ({ label, level, count }) => `${'-'.repeat(level)}${label}${count === undefined ? '' : ` ${count}`}`,
  )

test('a pool that is closed is one line, open it shows its hosts and what runs nowhere', () => {
  expect(shown(input({ open: new Set() }))).toEqual(['-Lab 3'])
  expect(shown(input({}))).toEqual(['-Lab 3', '--a 2', '--b 0', '--none 1'])
})

test('VMs stand in an open branch, sorted as people count', () => {
  const open = new Set([pool.id, `${pool.id}/host/host.c.a`])
  expect(shown(input({ open }))).toEqual(['-Lab 3', '--a 2', '---web-2', '---web-10', '--b 0', '--none 1'])
  const rows = treeRows(input({ open }))
  expect(rows[3]).toMatchObject({ position: 2, size: 2, running: true, id: 'vm.c.web-10' })
})

test.each([
  ['tag', ['-Lab 3', '--prod 1', '--web 2', '--none 1']],
  ['storage', ['-Lab 3', '--NAS 1', '--none 2']],
  ['pool', ['-Lab 3', '--off', '--web-2', '--web-10']],
] as const)('VMs are grouped by %s', (grouping, lines) => {
  expect(shown(input({ grouping }))).toEqual(lines)
})
