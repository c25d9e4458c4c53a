import type { Random } from '@nixen/core'
import type { Database } from '../db/database.ts'
import type { Ref } from '../generated/rows.ts'

/** What the parts of the generator share. */
export interface GenerateContext {
  readonly db: Database
  readonly random: Random
  /** The moment the inventory shows, epoch milliseconds. */
  readonly now: number
  /** Number of the pool, from 0. */
  readonly pool: number
  readonly hosts: number
  readonly vms: number
  /** Address of the host with that index. */
  readonly address: (host: number) => string
}

/** The hosts' networks. */
export interface NetworkSet {
  readonly management: Ref<'network'>
  readonly guests: readonly Ref<'network'>[]
}

/** The storage of a pool. */
export interface StorageSet {
  readonly shared: readonly Ref<'SR'>[]
  /** By host. */
  readonly local: readonly Ref<'SR'>[]
  readonly iso: Ref<'SR'>
  readonly isos: readonly Ref<'VDI'>[]
}

/** One of `items`. */
export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)]
  if (item === undefined) throw new RangeError('Nothing to pick from')
  return item
}

/** A whole number from `low` to `high`, both included. */
export function between(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1))
}

/** A locally administered MAC address. */
export function randomMac(random: Random): string {
  const octets = Array.from({ length: 6 }, () => between(random, 0, 255))
  octets[0] = ((octets[0] ?? 0) & 0xfc) | 0x02
  return octets.map((octet) => octet.toString(16).padStart(2, '0')).join(':')
}

const days = 86_400_000

/** A whole second some days before now. */
export function daysAgo({ random, now }: GenerateContext, most: number): number {
  return Math.floor((now - random() * most * days) / 1000) * 1000
}
