import { readFileSync } from 'node:fs'

/** A field as protocol.json describes it. */
export interface Field {
  readonly name: string
  readonly type: string
  readonly optional?: boolean
  readonly array?: 'variable' | 'fixed'
  readonly max?: number
  readonly size?: number
}
export type TypeEntry =
  | { readonly kind: 'struct'; readonly name: string; readonly fields: readonly Field[] }
  | { readonly kind: 'typedef'; readonly name: string; readonly of: Field }
  | { readonly kind: 'enum'; readonly name: string; readonly values: Readonly<Record<string, number>> }
  | {
      readonly kind: 'union'
      readonly name: string
      readonly arms: readonly { readonly case: number; readonly caseConst: string; readonly field: Field }[]
    }
export interface ProcedureEntry {
  readonly program: 'remote' | 'qemu' | 'keepalive'
  readonly number: number
  readonly name: string
  readonly args: string | null
  readonly ret: string | null
  readonly msg?: string | null
  readonly event: boolean
  readonly readstream?: object
  readonly writestream?: object
}
export interface Protocol {
  readonly source: { readonly tag: string }
  readonly programs: readonly { readonly name: string; readonly number: number; readonly hex: string }[]
  readonly procedures: readonly ProcedureEntry[]
  readonly types: readonly TypeEntry[]
}
export interface Constants {
  readonly enums: readonly { readonly name: string; readonly values: Readonly<Record<string, number>> }[]
}

const data = new URL('../../data/', import.meta.url)
// The files are ours and committed; the generator's test compares what comes of them.
export const readProtocol = (): Protocol => JSON.parse(readFileSync(new URL('protocol.json', data), 'utf8')) as Protocol
export const readConstants = (): Constants =>
  JSON.parse(readFileSync(new URL('constants.json', data), 'utf8')) as Constants

/** The procedures of data/procedures.txt, in the order of their numbers; every name has to be known. */
export function chosenProcedures({ procedures }: Protocol): readonly ProcedureEntry[] {
  const text = readFileSync(new URL('procedures.txt', data), 'utf8').replaceAll(/#.*/g, '')
  const names = new Set(text.split(/\s+/).filter(Boolean).map(fullName))
  const chosen = procedures.filter(({ name, event }) => !event && names.delete(name))
  if (names.size > 0) throw new Error(`procedures.txt names what protocol.json does not have: ${[...names].join(', ')}`)
  return chosen
}

function fullName(short: string): string {
  return short.startsWith('QEMU:') ? `QEMU_PROC_${short.slice('QEMU:'.length)}` : `REMOTE_PROC_${short}`
}

/** `REMOTE_PROC_DOMAIN_GET_XML_DESC` is `domainGetXmlDesc`, `QEMU_PROC_…` begins with `qemu`. */
export function procedureName({ name, program }: ProcedureEntry): string {
  const short = camel(name.replace(/^[A-Z]+_PROC_/, '').toLowerCase())
  return program === 'qemu' ? `qemu${short.charAt(0).toUpperCase()}${short.slice(1)}` : short
}

/** `remote_nonnull_domain` is `Domain`, `remote_domain_get_info_ret` `DomainGetInfoRet`. */
export function typeName(name: string): string {
  // `Error` would hide the one of JavaScript.
  if (name === 'remote_error') return 'RemoteError'
  const short = name.replace(/^remote_/, '').replace(/^nonnull_/, '')
  return short.charAt(0).toUpperCase() + camel(short).slice(1)
}

export function camel(name: string): string {
  return name.replaceAll(/_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase()).replace(/ID$/, 'Id')
}
