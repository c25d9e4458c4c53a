import type { ConnectionId, Point, Repository, RepositoryId } from '@nixen/api'
import { silentLog, systemClock } from '@nixen/core'
import type { ChangeToken } from '@nixen/disk'
import type { Stray } from '@nixen/providers'
import { expect, test } from 'vitest'
import { sweepStrays, type StrayJanitorPorts } from './stray-janitor.ts'

const day = 24 * 3600 * 1000
const token = (name: string): ChangeToken => name as ChangeToken
const connection = 'c1' as ConnectionId
const repository = 'r1' as RepositoryId
const { signal } = new AbortController()

function stray(name: string, more: Partial<Stray> = {}): Stray {
  const native = { class: 'VDI', uuid: name }
  const time = Date.now() - 3 * day
  return { kind: 'disk', native, name, owner: 'j1', mark: 'm', kept: true, token: token(name), time, bytes: 0, ...more }
}

interface Setting {
  readonly strays: readonly Stray[]
  /** By time of the restore point. */
  readonly tokens?: readonly string[]
  readonly broken?: boolean
  readonly busy?: boolean
  readonly state?: Repository['state']
  /** Jobs that there are; one of them brings the VM into the repository unless `selects` says otherwise. */
  readonly jobs?: readonly string[]
  readonly selects?: boolean
  /** Jobs that were deleted just now. */
  readonly gone?: readonly string[]
  /** What replicas build on; `unknown` while a connection cannot be asked. */
  readonly replicas?: readonly string[] | 'unknown'
}

/** Runs one round and gives what it removed. */
async function sweep({
  strays,
  tokens = [],
  broken = false,
  busy = false,
  state = 'ready',
  jobs = ['j1'],
  selects = jobs.length > 0,
  gone: deleted = [],
  replicas = [],
}: Setting): Promise<string[]> {
  const gone: string[] = []
  const points = tokens.map(
    (name, time) => ({ id: `${time}`, path: '/vm', uuid: 'u', time: time + 1, name }) as unknown as Point,
  )
  const ports: StrayJanitorPorts = {
    connections: () => [connection],
    protect: () => ({
      strays: async () => strays,
      drop: async (one) => void gone.push(one),
      removeStray: async ({ name }) => void gone.push(name),
    }),
    repositories: { all: () => [{ id: repository, state }], pointsOf: () => points },
    content: async ({ name }) => {
      if (broken) throw new Error('the repository does not answer')
      return { format: 'nixen.point/1', config: {}, tokens: { disk: name } }
    },
    wants: async () => ({
      jobs: new Set(jobs),
      vms: new Map(selects ? [[repository, new Set(['u'])]] : []),
    }),
    otherTokens: async () => (replicas === 'unknown' ? undefined : new Set(replicas.map((name) => token(name)))),
    onJobGone: () => undefined,
    busy: async () => busy,
    clock: systemClock,
    log: silentLog,
  }
  await sweepStrays(ports, { signal, gone: new Set(deleted) }).catch((error: unknown) => {
    if (!broken) throw error
  })
  return gone
}

test('what the newest restore point builds on stays, what only an older one did goes', async () => {
  expect(await sweep({ strays: [stray('old'), stray('new')], tokens: ['old', 'new'] })).toEqual(['old'])
})

test('what a replica builds on stays, and nothing that was kept goes while that is not known', async () => {
  const strays = [stray('replica', { owner: 'j2' }), stray('old')]
  expect(await sweep({ strays, replicas: ['replica'] })).toEqual(['old'])
  expect(await sweep({ strays, replicas: 'unknown' })).toEqual([])
})

test('what a dead run left goes, and with it nothing that is young, in doubt or of a restore', async () => {
  const strays = [
    stray('dead', { kept: false }),
    stray('young', { kept: false, time: Date.now() - day }),
    stray('undated', { kept: false, time: 0 }),
    stray('replaced', { kind: 'restore', kept: false }),
    stray('snapshot', { kind: 'snapshot', token: undefined }),
  ]
  expect(await sweep({ strays })).toEqual(['dead'])
})

test('nothing that was kept goes while a repository cannot say what it builds on', async () => {
  expect(await sweep({ strays: [stray('old')], tokens: ['new'], broken: true })).toEqual([])
})

test('nothing that was kept goes while a repository cannot be used', async () => {
  expect(await sweep({ strays: [stray('old')], tokens: ['new'], state: 'unavailable' })).toEqual([])
})

test('nothing goes while a backup runs', async () => {
  expect(await sweep({ strays: [stray('dead', { kept: false })], busy: true })).toEqual([])
})

test.each<[string, Partial<Setting>, string[]]>([
  ['goes at once when nobody else brings the VM there', { jobs: [], gone: ['j1'] }, ['now']],
  ['goes when another job writes there, but not this VM', { jobs: ['j2'], selects: false, gone: ['j1'] }, ['now']],
  ['stays when another job goes on from there', { jobs: ['j2'], gone: ['j1'] }, []],
  ['goes in two days when its deletion was not seen', { jobs: [] }, []],
  ['stays when the job only selects other VMs now', { jobs: ['j1'], selects: false }, []],
  ['stays while a backup runs', { jobs: [], gone: ['j1'], busy: true }, []],
])('what a deleted job kept %s', async (_, setting, expected) => {
  const time = Date.now() - 1000
  expect(await sweep({ strays: [stray('now', { time })], tokens: ['now'], ...setting })).toEqual(expected)
})

test('what a job kept that is long gone goes with its age', async () => {
  expect(await sweep({ strays: [stray('old')], tokens: ['old'], jobs: [] })).toEqual(['old'])
})
