import {
  demandQuery,
  outsideOf,
  queryTable,
  type AlertCondition,
  type AlertQueryType,
  type Host,
  type InventoryType,
  type Repository,
} from '@nixen/api'
import { assertNever } from '@nixen/core'
import type { Inventory } from '../inventory/inventory.ts'
import type { Facts } from './facts.ts'
import { jobFailed, jobLate } from './job-readings.ts'
import {
  certificateReading,
  connectionReading,
  hostReading,
  percent,
  repositoryReading,
  shareReading,
  storageShare,
  type Measured,
} from './readings.ts'

/** An object that an alert looks at. */
export interface Subject extends Measured {
  readonly id: string
  readonly name: string
  readonly tags: readonly string[]
  /** It was looked at, and is not there any more. */
  readonly gone?: boolean
}

/** What there is to look at. */
export interface World {
  readonly inventory: Inventory
  readonly repositories: { all(): readonly Repository[] }
  readonly facts: Facts
  readonly now: number
}

/** How an alert looks at the world, at one moment. */
export interface Look {
  /** All objects that it is about. */
  all(): Iterable<Subject>
  /** One of them, or one that it is not about any more; `undefined` when it is gone. */
  one(id: string): Subject | undefined
}

/** When an alert has to look again. */
export interface Triggers {
  /** A change of an object of this type. */
  readonly type: InventoryType | undefined
  /** The time alone, or what is not in the inventory. */
  readonly timed: boolean
  /** A change of a name. */
  readonly names: boolean
  /** A change of any connection: whether hosts answer is only known of those that are connected. */
  readonly connections: boolean
}

/** How the value that counts is written: `90 %`, `21 days`, the query. */
export function thresholdOf(condition: AlertCondition): string {
  switch (condition.kind) {
    case 'host-cpu':
    case 'host-memory':
    case 'storage-usage':
      return percent(condition.above)
    case 'query':
      return condition.q
    case 'certificate':
      return `${condition.days} days`
    case 'host-down':
    case 'connection-down':
    case 'job-failed':
    case 'job-late':
    case 'repository':
      return ''
    default:
      return assertNever(condition, 'condition')
  }
}

/** What makes an alert look again. @throws query.invalid */
export function triggersOf(condition: AlertCondition): Triggers {
  const type = typeOf(condition)
  if (type === undefined || type === 'repository')
    return { type: undefined, timed: true, names: false, connections: false }
  const { time, names } = 'q' in condition && condition.q ? outsideOf(condition.q, queryTable(type)) : nothing
  return { type, names, timed: time || condition.kind === 'host-cpu', connections: condition.kind === 'host-down' }
}

const nothing = { time: false, names: false } as const

function typeOf({ kind, ...condition }: AlertCondition): AlertQueryType | undefined {
  if (kind === 'query') return (condition as Extract<AlertCondition, { kind: 'query' }>).type
  if (kind === 'host-cpu' || kind === 'host-memory' || kind === 'host-down') return 'host'
  if (kind === 'storage-usage') return 'storage'
  return kind === 'connection-down' ? 'connection' : undefined
}

/** Makes what an alert looks with. @throws query.invalid */
export function lookOf(condition: AlertCondition, world: World): Look {
  const { inventory, facts } = world
  switch (condition.kind) {
    case 'host-cpu':
      return inventoryLook('host', condition.q, world, (host) => shareReading(facts.cpu.get(host.id), condition))
    case 'host-memory':
      return inventoryLook('host', condition.q, world, (host) => shareReading(memoryShare(host), condition))
    case 'storage-usage':
      return inventoryLook('storage', condition.q, world, (storage) => shareReading(storageShare(storage), condition))
    case 'host-down':
      return inventoryLook('host', condition.q, world, (host) =>
        hostReading(host, inventory.get('connection', host.connection)),
      )
    case 'connection-down':
      return inventoryLook('connection', condition.q, world, connectionReading)
    case 'query':
      return queryLook(condition, world)
    case 'certificate':
      return listLook(
        facts.certificates.map(({ id, name, validTo }) =>
          subject(`certificate:${id}`, name, certificateReading(validTo - world.now, condition.days)),
        ),
      )
    case 'job-failed':
      return listLook(facts.jobs.map((fact) => subject(`job:${fact.job.id}`, fact.job.name, jobFailed(fact))))
    case 'job-late':
      return listLook(
        facts.jobs.map((fact) =>
          subject(`job:${fact.job.id}`, fact.job.name, jobLate(fact, condition.after, world.now)),
        ),
      )
    case 'repository':
      return listLook(
        world.repositories.all().map((one) => subject(`repository:${one.id}`, one.name, repositoryReading(one))),
      )
    default:
      return assertNever(condition, 'condition')
  }
}

/** Objects that a query finds, of the inventory or repositories. */
function queryLook({ type, q }: Extract<AlertCondition, { kind: 'query' }>, world: World): Look {
  const matches = matcher(type, q, world)
  const read = (object: object): Measured => (matches(object) ? { reading: 'on', value: q } : off)
  if (type === 'repository') {
    return listLook(world.repositories.all().map((one) => subject(`repository:${one.id}`, one.name, read(one))))
  }
  return inventoryLook(type, undefined, world, read)
}

type Objects = { [T in InventoryType]: NonNullable<ReturnType<typeof objectOf<T>>> }
function objectOf<T extends InventoryType>(inventory: Inventory, type: T, id: string) {
  return inventory.get(type, id)
}

function inventoryLook<T extends Exclude<AlertQueryType, 'repository'>>(
  type: T,
  q: string | undefined,
  world: World,
  read: (object: Objects[T]) => Measured,
): Look {
  const { inventory } = world
  const isMeant = q === undefined || q.trim() === '' ? () => true : matcher(type, q, world)
  const seen = (object: Objects[T]): Subject =>
    subject(object.id, object.name, isMeant(object) ? read(object) : off, 'tags' in object ? object.tags : [])
  return {
    *all() {
      for (const object of inventory.all(type)) if (isMeant(object)) yield seen(object)
    },
    one(id) {
      const object = inventory.get(type, id)
      return object && seen(object)
    },
  }
}

function matcher(type: AlertQueryType, q: string, { inventory, now }: World): (object: object) => boolean {
  return demandQuery(q, queryTable(type), { now, nameOf: (id) => inventory.nameOf(id) })
}

const off: Measured = { reading: 'off', value: '' }

function listLook(subjects: readonly Subject[]): Look {
  const byId = new Map(subjects.map((one) => [one.id, one]))
  return { all: () => subjects, one: (id) => byId.get(id) }
}

function subject(id: string, name: string, measured: Measured, tags: readonly string[] = []): Subject {
  return { id, name, tags, ...measured }
}

function memoryShare({ power, memory, memoryUsed }: Host): number | undefined {
  if (power !== 'running' || !memory || memoryUsed === undefined) return undefined
  return memoryUsed / memory
}
