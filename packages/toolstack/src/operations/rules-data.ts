import type { Enums } from '../generated/rows.ts'
import { readOperations } from '../model/data-files.ts'

type VmOperation = Enums['vm_operations']
type VdiOperation = Enums['vdi_operations']

interface VmRule {
  readonly states: readonly Enums['vm_power_state'][]
  readonly alsoRunningIf?: string
  readonly alsoSuspendedIf?: string
}

/** The shape of `operations.json`. */
interface OperationsFile {
  readonly vm: {
    readonly powerStates: Readonly<Partial<Record<VmOperation, VmRule>>>
    readonly templateAllowed: readonly VmOperation[]
    readonly templateAllowedIfNotDefault: readonly VmOperation[]
    readonly snapshotAllowed: readonly VmOperation[]
    readonly neverListedInAllowedOperations: readonly VmOperation[]
    readonly concurrentSets: readonly (readonly VmOperation[])[]
    readonly concurrentPairs: readonly (readonly [VmOperation, VmOperation])[]
    readonly alwaysConcurrentUnless: Readonly<Partial<Record<VmOperation, readonly VmOperation[]>>>
  }
  readonly vdi: {
    readonly requiredSmFeature: Readonly<Record<string, string | null>>
    readonly allowedWhileAttached: readonly VdiOperation[]
    readonly allowedWhileAttachedReadOnly: readonly VdiOperation[]
    readonly forbiddenForCbtMetadataType: readonly VdiOperation[]
    readonly forbiddenWhenCbtEnabled: readonly VdiOperation[]
    readonly hiddenFromAllowedOperations: readonly VdiOperation[]
  }
  readonly sr: {
    readonly all: readonly Enums['storage_operations'][]
    readonly requiredSmFeature: Readonly<Record<string, string>>
    readonly parallel: readonly Enums['storage_operations'][]
  }
  readonly vbd: { readonly all: readonly Enums['vbd_operations'][] }
  readonly vif: { readonly all: readonly Enums['vif_operations'][] }
  readonly host: {
    readonly all: readonly Enums['host_allowed_operations'][]
    readonly creating: readonly Enums['host_allowed_operations'][]
    readonly removing: readonly Enums['host_allowed_operations'][]
  }
  readonly pool: {
    readonly all: readonly Enums['pool_allowed_operations'][]
    readonly blocking: readonly Enums['pool_allowed_operations'][]
    readonly waiting: readonly Enums['pool_allowed_operations'][]
  }
}

/** Which operation is allowed when, as hosts have it. */
// The file is part of the product and checked by the tests.
export const operations = readOperations() as OperationsFile
