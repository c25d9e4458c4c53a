import { diskErrors, hostErrors, storageErrors, vmErrors } from '@nixen/api'
import type { AppError } from '@nixen/core'
import { isXapiError, type XapiErrorCode } from '@nixen/xapi'
import { notFound } from '../not-found.ts'
import { plainText, type NamedObject, type Names } from './sentence.ts'

/** What a code is made an error of the contract with. */
export interface Refused {
  readonly params: readonly string[]
  readonly names: Names
  readonly cause: Error
}

type Maker = (refused: Refused) => AppError | undefined

/** Codes for which the contract has an error of its own. A maker that gives nothing leaves it to the sentence of the code. */
export const contractRefusals: { readonly [C in XapiErrorCode | 'SR_BACKEND_FAILURE_44']?: Maker } = {
  VM_BAD_POWER_STATE: ({ params, ...refused }) => {
    const vm = found(params[0], refused)
    const expected = (params[1] ?? '')
      .toLowerCase()
      .split(/[\s,;|]+/)
      .filter(Boolean)
    const actual = (params[2] ?? '').toLowerCase()
    if (!vm || expected.length === 0 || actual === '') return undefined
    return vmErrors.bad_power_state({ ...vm, expected, actual }, { cause: refused.cause })
  },
  VM_MISSING_PV_DRIVERS: withVm((vm, cause) => vmErrors.no_drivers(vm, { cause })),
  VM_IS_IMMOBILE: withVm((vm, cause) =>
    vmErrors.immobile({ ...vm, reason: 'a device of the host or nested virtualization ties it to it.' }, { cause }),
  ),
  OPERATION_BLOCKED: ({ params, names, cause }) => {
    const vm = found(params[0], { names })
    if (!vm?.id.startsWith('vm.')) return undefined
    const reason = params[1] ? `${plainText(params[1], names).replace(/\.$/, '')}.` : 'no reason was given.'
    return vmErrors.blocked({ ...vm, action: 'This operation', reason }, { cause })
  },
  OTHER_OPERATION_IN_PROGRESS: ({ params, names, cause }) => {
    const vm = found(params[1], { names })
    if (!vm?.id.startsWith('vm.')) return undefined
    return vmErrors.busy({ ...vm, action: plainText(params[2] || 'another operation', names) }, { cause })
  },
  HOST_NOT_ENOUGH_FREE_MEMORY: ({ params, cause }) => {
    const [needed, free] = params.map(Number)
    if (!isSize(needed) || !isSize(free)) return undefined
    return hostErrors.out_of_memory({ needed, free }, { cause })
  },
  HOST_DISABLED: withHost((host, cause) => hostErrors.disabled(host, { cause })),
  HOST_OFFLINE: withHost((host, cause) => hostErrors.unreachable(host, { cause })),
  NO_HOSTS_AVAILABLE: ({ cause }) =>
    hostErrors.none_suitable(
      { reasons: ['none that is on and enabled has all that it needs (see "vm placement")'] },
      { cause },
    ),
  SR_FULL: ({ params, cause }) => {
    const needed = Number(params[0])
    return storageErrors.full({ id: 'of this pool', ...(isSize(needed) && needed > 0 ? { needed } : {}) }, { cause })
  },
  SR_BACKEND_FAILURE_44: ({ cause }) => storageErrors.full({ id: 'of this pool' }, { cause }),
  SR_NOT_ATTACHED: withStorage((storage, cause) => storageErrors.detached(storage, { cause })),
  SR_HAS_NO_PBDS: withStorage((storage, cause) => storageErrors.detached(storage, { cause })),
  VDI_IN_USE: withDisk((disk, cause) => diskErrors.in_use(disk, { cause })),
  VDI_READONLY: withDisk((disk, cause) => diskErrors.read_only(disk, { cause })),
  HANDLE_INVALID: ({ params: [className = '', ref = ''], cause }) => {
    const type = typesOfClasses[className]
    return type === undefined || ref === '' ? undefined : notFound(type, keyOf(ref), cause)
  },
}

const typesOfClasses: Readonly<Record<string, 'vm' | 'host' | 'disk' | 'storage' | 'network' | 'nic' | 'task'>> = {
  VM: 'vm',
  host: 'host',
  VDI: 'disk',
  SR: 'storage',
  network: 'network',
  VIF: 'nic',
  PIF: 'nic',
  task: 'task',
}

/** A reference says nothing to a person; its first digits tell two of them apart. */
const keyOf = (ref: string): string => ref.replace(/^OpaqueRef:/, '').slice(0, 8)

const isSize = (value: number | undefined): value is number =>
  value !== undefined && Number.isSafeInteger(value) && value >= 0

const found = (ref: string | undefined, { names }: Pick<Refused, 'names'>): NamedObject | undefined =>
  ref === undefined ? undefined : names(ref)

function withObject(type: string, make: (object: NamedObject, cause: Error) => AppError): Maker {
  return ({ params, names, cause }) => {
    const object = found(params[0], { names })
    return object?.id.startsWith(`${type}.`) === true ? make(object, cause) : undefined
  }
}
function withVm(make: (object: NamedObject, cause: Error) => AppError): Maker {
  return withObject('vm', make)
}
function withHost(make: (object: NamedObject, cause: Error) => AppError): Maker {
  return withObject('host', make)
}
function withStorage(make: (object: NamedObject, cause: Error) => AppError): Maker {
  return withObject('storage', make)
}
function withDisk(make: (object: NamedObject, cause: Error) => AppError): Maker {
  return withObject('disk', make)
}

/** The contract's own error of a code, if it has one that fits. */
export function contractError(code: string, refused: Refused): AppError | undefined {
  if (!isXapiError(refused.cause)) return undefined
  // The keys are codes; one that is not among them gives nothing.
  return (contractRefusals as Readonly<Record<string, Maker | undefined>>)[code]?.(refused)
}
