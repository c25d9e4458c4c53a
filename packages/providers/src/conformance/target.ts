import type { InventoryObjects, ResourceId, ResourceType } from '@nixen/api'
import type { Random } from '@nixen/core'
import type { ConnectionSpec, Provider } from '../provider.ts'

/** A daemon to test a provider against: real, at rest, and the test's own. */
export interface ConformanceTarget extends AsyncDisposable {
  readonly provider: Provider
  readonly spec: ConnectionSpec
  /** The inventory as the daemon's own records say it now, worked out without the provider: fields by id. */
  truth(): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>>
  /** Whether a field moves by itself, so that it cannot be compared: the room that other programs take. */
  moves?(id: string, field: string): boolean
  /** Changes something through the daemon's own API. What the daemon refuses is no failure. */
  disturb(random: Random): Promise<void>
  /** Disturbs what lies between: ends sessions, forgets tokens, cuts connections. One of them, by chance. */
  interrupt(random: Random): Promise<void>
  /** Gives something the longest name that the daemon takes, up to 2 MB; returns it. */
  longName(): Promise<string>
  /** The daemon goes away, with its connections. */
  stop(): Promise<void>
  /** It is back, at the same address, with the same objects. */
  start(): Promise<void>
}

/** Starts a daemon with some objects of each type. */
export type ConformanceFactory = () => Promise<ConformanceTarget>

export type AnyObject = InventoryObjects[ResourceType]
export type Objects = ReadonlyMap<ResourceId, AnyObject>
