import type { Records } from '@nixen/xapi'

/** An object of the inventory, as the truth has it. */
export type Fields = Record<string, unknown>
/** A map of the host. */
export type Text = Readonly<Record<string, string>>

/** Whether it is a VM to people: no control domain, snapshot or template. */
export const isMachine = (vm: Records['VM']): boolean => kindOf(vm) === 'vm'

/** What the inventory calls it. */
export function kindOf(vm: Records['VM']): string | undefined {
  if (vm.is_control_domain) return undefined
  return vm.is_a_snapshot ? 'snapshot' : vm.is_a_template ? 'template' : 'vm'
}

export const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
export const unique = (list: readonly string[]): string[] => [...new Set(list)]
export const yes = (text: string | undefined): boolean | undefined => (text === undefined ? undefined : text === 'true')

/** What is being done, in the words of the inventory. */
export function busy(operations: Text): string[] | undefined {
  const words: Text = { hard_shutdown: 'shutdown', clean_shutdown: 'shutdown', destroy: 'delete', copy: 'clone' }
  const names = unique(Object.values(operations).map((name) => words[name] ?? name.replaceAll('_', '-'))).sort()
  return names.length > 0 ? names : undefined
}

/** An object without the fields that are `undefined`. */
export function withoutAbsent(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
