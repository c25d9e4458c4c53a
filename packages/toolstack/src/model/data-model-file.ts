/** The shape of `xenapi.json`, as far as the toolstack reads it. */
export interface DataModelFile {
  readonly apiVersion: { readonly major: number; readonly minor: number }
  readonly roles: readonly { readonly name: string; readonly internal: boolean }[]
  readonly classes: readonly RawClass[]
  readonly enums: readonly { readonly name: string; readonly values: readonly string[] }[]
  readonly relations: readonly (readonly [string, string])[]
  readonly errors: readonly { readonly name: string; readonly params: readonly string[] | null }[]
  readonly httpActions: readonly {
    readonly name: string
    readonly method: string
    readonly path: string
    readonly minRole: string
    readonly rbacChecked: boolean
  }[]
}

export interface RawClass {
  readonly name: string
  readonly persist: boolean
  readonly inDatabase: boolean
  readonly genEvents: boolean
  readonly constructible: boolean
  readonly taskForCalls: boolean
  readonly fields: readonly RawField[]
  readonly messages: readonly RawMessage[]
}

export interface RawField {
  readonly name: string
  /** Parts of the name when it has a namespace. */
  readonly path?: readonly string[]
  readonly type: string
  readonly qualifier: 'RW' | 'StaticRO' | 'DynamicRO'
  readonly default?: unknown
  readonly internal?: boolean
  readonly persist?: boolean
}

export interface RawMessage {
  readonly name: string
  readonly kind:
    | 'custom'
    | 'field-get'
    | 'field-set'
    | 'field-add'
    | 'field-remove'
    | 'create'
    | 'destroy'
    | 'get_record'
    | 'get_by_uuid'
    | 'get_by_name_label'
    | 'get_all'
    | 'get_all_records'
    | 'get_all_where'
    | 'get_all_records_where'
  readonly field?: string
  readonly session: boolean
  readonly async: boolean
  readonly params: readonly { readonly name: string; readonly type: string; readonly default?: unknown }[]
  readonly result: string
  readonly minRole: string
  readonly mapKeyRoles?: Readonly<Record<string, string>>
  readonly clientCertRole?: unknown
  readonly hidden?: boolean
  readonly poolInternal?: boolean
  readonly secret?: boolean
  readonly emergency?: boolean
  readonly lifecycle: { readonly state: string }
}
