import { seededRandom } from '@nixen/core'
import { makeRepository, openRepository } from '@nixen/testkit/restic-fixture'
import { crashStates, RecordingStorage, snapshotOf, type RecordedChange } from '@nixen/testkit/storage-recorder'
import { beforeAll, describe, expect, test } from 'vitest'
import { MemoryStorage } from '../../src/index.ts'
import { faultsOf, operate, type Operation } from './example.ts'

// Every state that a crash can leave behind is made again and looked at. The wrong orders of commits are mutants that this must catch.

const seed = Number(process.env['NIXEN_SEED'] ?? 1)

interface Recorded {
  readonly before: MemoryStorage
  readonly changes: readonly RecordedChange[]
  /** The repository that is changed, and the days that must stay whatever happens. */
  readonly must: readonly number[]
}

const records = new Map<Operation, Promise<Recorded>>()

function recordOnce(operation: Operation): Promise<Recorded> {
  const known = records.get(operation) ?? record(operation)
  records.set(operation, known)
  return known
}

/** Does an operation to a repository with days 1 to 4, of which 1 is forgotten before a prune, and writes down what it changes. */
async function record(operation: Operation): Promise<Recorded> {
  const source = new MemoryStorage()
  const repository = await makeRepository(source)
  for (const day of [1, 2, 3, 4]) await operate('backup', { repository }, day)
  if (operation === 'prune') await operate('forget', { repository }, 0)
  if (operation === 'copy') {
    const target = new MemoryStorage()
    await makeRepository(target)
    const recorder = new RecordingStorage(target)
    const before = await snapshotOf(target)
    await operate('copy', { repository, mirror: await openRepository(recorder) }, 0)
    return { before, changes: recorder.changes, must: [] }
  }
  const before = await snapshotOf(source)
  const recorder = new RecordingStorage(source)
  await operate(operation, { repository: await openRepository(recorder) }, 5)
  return { before, changes: recorder.changes, must: operation === 'backup' ? [1, 2, 3, 4] : [2, 3, 4] }
}

async function firstFault({ before, must }: Recorded, changes: readonly RecordedChange[]): Promise<string | undefined> {
  for await (const { storage, after } of crashStates(before, changes, seededRandom(seed))) {
    const [fault] = await faultsOf(storage, must)
    if (fault !== undefined) return `after ${after}: ${fault}`
  }
  return undefined
}

/** The changes in another order: those that `first` picks come before all others. */
function reordered(changes: readonly RecordedChange[], first: (change: RecordedChange) => boolean): RecordedChange[] {
  const sorted = [...changes.filter(first), ...changes.filter((change) => !first(change))]
  return sorted.map(({ file, bytes }, i) => ({ file, bytes, start: 2 * i, end: 2 * i + 1 }))
}

const saves = (kind: string) => (change: RecordedChange) => change.bytes !== undefined && change.file.kind === kind
const removes = (kind: string) => (change: RecordedChange) => change.bytes === undefined && change.file.kind === kind

describe.each(['backup', 'forget', 'prune', 'copy'] as const)('a crash at any moment of %s', (operation) => {
  let recorded: Recorded
  beforeAll(async () => {
    recorded = await recordOnce(operation)
  })

  test('leaves every restore point whole', async () => {
    expect(recorded.changes.length).toBeGreaterThan(2)
    expect(await firstFault(recorded, recorded.changes)).toBeUndefined()
  })

  test('leaves a repository on which the next run just works', async () => {
    const random = seededRandom(seed)
    for await (const { storage, after } of crashStates(recorded.before, recorded.changes, random)) {
      // Some of the states are enough here: a run is dearer than a look.
      if (random() > 0.25) continue
      // The process that died held a lock; it is one of this machine, and this one lives: take it away as "unlock" would.
      for await (const { name } of storage.list('lock')) await storage.remove({ kind: 'lock', name })
      const repository = await openRepository(storage)
      await operate(operation === 'copy' ? 'backup' : operation, { repository }, 5)
      await operate('prune', { repository }, 5)
      expect({ after, faults: await faultsOf(storage, recorded.must) }).toEqual({ after, faults: [] })
    }
  })
})

const mutants: [Operation, string, (change: RecordedChange) => boolean][] = [
  ['backup', 'the restore point before the index', saves('snapshot')],
  ['backup', 'the index before the packs', (change) => saves('index')(change) || saves('lock')(change)],
  ['prune', 'packs removed before the index', removes('data')],
  ['prune', 'the old index removed before the new one is there', removes('index')],
  ['prune', 'the new index before the new packs', saves('index')],
  ['copy', 'the restore point before its data', saves('snapshot')],
]

describe('the wrong order of commits is caught', () => {
  test.each(mutants)('%s: %s', async (operation, _, first) => {
    const recorded = await recordOnce(operation)
    expect(await firstFault(recorded, reordered(recorded.changes, first))).toBeDefined()
  })
})
