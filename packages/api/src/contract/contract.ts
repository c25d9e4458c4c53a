import type { EndpointSpec } from './endpoint.ts'

/** Endpoints by group and name: `contract.vm.list`. */
export type Groups = Readonly<Record<string, Readonly<Record<string, EndpointSpec>>>>

/** An endpoint and what it is called. */
export interface Operation {
  /** `vm.list`: OpenAPI's operationId, the client's method, the name in logs. */
  readonly operation: string
  readonly group: string
  readonly name: string
  readonly endpoint: EndpointSpec
}

/**
 * Lists the endpoints of a contract. Throws a `TypeError` that names both when two have one method and path, or one CLI verb, or
 * when a verb is also the beginning of another one.
 */
export function operationsOf(groups: Groups): readonly Operation[] {
  const operations = Object.entries(groups).flatMap(([group, endpoints]) =>
    Object.entries(endpoints).map(([name, endpoint]) => ({ operation: `${group}.${name}`, group, name, endpoint })),
  )
  refuseTwice(operations, ({ endpoint }) => `${endpoint.method} ${endpoint.path.replaceAll(/:[^/]+/g, ':')}`)
  refuseTwice(operations, ({ endpoint }) => endpoint.cli?.verb)
  refusePrefixes(operations)
  return operations
}

function refuseTwice(operations: readonly Operation[], keyOf: (operation: Operation) => string | undefined): void {
  const seen = new Map<string, string>()
  for (const operation of operations) {
    const key = keyOf(operation)
    if (key === undefined) continue
    const other = seen.get(key)
    if (other !== undefined) throw new TypeError(`${other} and ${operation.operation} are both "${key}".`)
    seen.set(key, operation.operation)
  }
}

function refusePrefixes(operations: readonly Operation[]): void {
  const verbs = operations.flatMap(({ endpoint }) => endpoint.cli?.verb ?? []).toSorted()
  for (const verb of verbs) {
    const longer = verbs.find((other) => other.startsWith(`${verb} `))
    if (longer !== undefined) throw new TypeError(`The verb "${verb}" is the beginning of "${longer}".`)
  }
}
