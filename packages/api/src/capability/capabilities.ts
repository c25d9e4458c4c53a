import { requestErrors } from '../errors/request-errors.ts'

/** One condition of an action, and the sentence that is shown when it does not hold. */
export interface Rule<T> {
  readonly when: (object: T) => boolean
  readonly otherwise: string | ((object: T) => string)
}

/** Whether an action may be done on an object now; if not, why. */
export type Verdict = { readonly allowed: true } | { readonly allowed: false; readonly reason: string }

/** An action and the states of an object in which it makes sense. */
export interface Capability<T> {
  /** Name of the action, for example `start`. */
  readonly action: string
  /** Whether it may be done on `object`. Pure, cheap: the console asks for each row. */
  check(object: T): Verdict
}

export type Capabilities<T, K extends string> = { readonly [A in K]: Capability<T> }

/**
 * The table of what may be done with objects of one type. The rules of an action are tried in order; the first that does
 * not hold gives the reason. The server refuses by it, the console disables the button with the sentence, the CLI prints it.
 *
 * @example
 *   const vmCan = capabilities<Vm>()({
 *     start: { when: (vm) => vm.power === 'halted', otherwise: 'Only a halted VM can start.' },
 *   })
 */
export function capabilities<T>() {
  return <K extends string>(table: { readonly [A in K]: Rule<T> | readonly Rule<T>[] }): Capabilities<T, K> => {
    const entries = Object.entries<Rule<T> | readonly Rule<T>[]>(table).map(([action, rules]) => {
      const list: readonly Rule<T>[] = 'when' in rules ? [rules] : rules
      return [action, { action, check: (object: T) => judge(list, object) }] as const
    })
    // One entry per key of `table`.
    return Object.freeze(Object.fromEntries(entries)) as Capabilities<T, K>
  }
}

function judge<T>(rules: readonly Rule<T>[], object: T): Verdict {
  const broken = rules.find((rule) => !rule.when(object))
  if (!broken) return allowed
  return { allowed: false, reason: typeof broken.otherwise === 'string' ? broken.otherwise : broken.otherwise(object) }
}

const allowed: Verdict = Object.freeze({ allowed: true })

/** What a connection says of actions on its objects. */
export interface ActionLimits {
  /** No action is allowed at all. */
  readonly readOnly: boolean
  /** Actions that the other end cannot do (`vm:suspend`), each with the reason. */
  readonly unsupported?: Readonly<Record<string, string>> | undefined
}

/** Whether an action may be done on an object now, and can be done by the connection that it is on. Pure. */
export function judgeOn<T extends { readonly id: string }>(
  limits: ActionLimits,
  capability: Capability<T>,
  object: T,
): Verdict {
  if (limits.readOnly) return { allowed: false, reason: 'It is connected read-only.' }
  // Ids begin with the type of the object.
  const reason = limits.unsupported?.[`${object.id.slice(0, object.id.indexOf('.'))}:${capability.action}`]
  return reason === undefined ? capability.check(object) : { allowed: false, reason }
}

/** Throws `request.not_allowed` with the reason unless `object` is in a state for the action and, with `limits`, its connection can do it. */
export function demand<T extends { readonly id: string; readonly name: string }>(
  capability: Capability<T>,
  object: T,
  limits?: ActionLimits,
): void {
  const verdict = limits ? judgeOn(limits, capability, object) : capability.check(object)
  if (verdict.allowed) return
  throw requestErrors.not_allowed({
    action: capability.action,
    id: object.id,
    name: object.name,
    reason: verdict.reason,
  })
}
