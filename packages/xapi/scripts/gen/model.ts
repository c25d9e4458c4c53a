import { readFileSync } from 'node:fs'

/** `[change, release]`; a release is a code name or a version of xapi such as `24.3.0`. */
export type Transition = readonly [change: string, release: string]

export interface Lifecycle {
  readonly state: 'unreleased' | 'prototyped' | 'published' | 'deprecated' | 'removed'
  readonly transitions: readonly Transition[]
}

export interface Field {
  readonly name: string
  readonly type: string
  readonly qualifier: 'RW' | 'StaticRO' | 'DynamicRO'
  readonly default?: unknown
  readonly internal?: boolean
  readonly lifecycle: Lifecycle
  readonly getterRole?: string
  readonly setterRole?: string
}

export interface Parameter {
  readonly name: string
  readonly type: string
  readonly default?: unknown
  readonly since?: string
}

export interface Message {
  readonly name: string
  readonly kind: string
  readonly session: boolean
  readonly async: boolean
  readonly params: readonly Parameter[]
  readonly result: string
  readonly errors: readonly string[]
  readonly minRole?: string
  readonly hidden?: boolean
  readonly poolInternal?: boolean
  readonly field?: string
  readonly lifecycle: Lifecycle
}

export interface ClassModel {
  readonly name: string
  readonly lifecycle: Lifecycle
  readonly inDatabase: boolean
  readonly genEvents: boolean
  readonly fields: readonly Field[]
  readonly messages: readonly Message[]
}

export interface Release {
  readonly codeName?: string
  readonly apiMajor: number
  readonly apiMinor: number
  readonly product: string
}

export interface Model {
  readonly source: { readonly repo: string; readonly commit: string; readonly commitDate: string }
  readonly apiVersion: { readonly major: number; readonly minor: number }
  readonly releases: readonly Release[]
  readonly classes: readonly ClassModel[]
  readonly enums: readonly { readonly name: string; readonly values: readonly string[] }[]
  readonly errors: readonly { readonly name: string; readonly params: readonly string[] | null }[]
}

const data = new URL('../../data/', import.meta.url)

/** The data model. The file is ours and checked by its own tests, so its form is trusted here. */
export function readModel(): Model {
  return JSON.parse(readFileSync(new URL('xenapi.json', data), 'utf8')) as Model
}

/** What the data model does not say; see data/PROVENANCE.md. */
export interface Overrides {
  readonly neverNull: { readonly fields: readonly string[] }
  readonly nullableParameters: { readonly parameters: readonly string[] }
  readonly wideIntegers: { readonly fields: readonly string[] }
  readonly fieldTypes: { readonly event: Readonly<Record<string, string>> }
  readonly resultTypes: Readonly<Record<string, string>>
  readonly extraClasses: { readonly event_batch: Readonly<Record<string, string>> }
}

/** Our additions, trusted as the model is. */
export function readOverrides(): Overrides {
  return JSON.parse(readFileSync(new URL('overrides.json', data), 'utf8')) as Overrides
}
