import { diskErrors } from './errors.ts'

type Settings = Readonly<Record<string, string | number | boolean>>

/** What a setting may be: one of some words, a whole number that passes a test, or yes and no. */
export type SettingRule =
  | { readonly kind: 'choice'; readonly of: readonly string[]; readonly default: string }
  | {
      readonly kind: 'number'
      readonly valid: (value: number) => boolean
      readonly rule: string
      readonly default: number
    }
  | { readonly kind: 'switch'; readonly default: boolean }
  | { readonly kind: 'text'; readonly default: string }

type ValueOf<R extends SettingRule> = R extends { kind: 'choice'; of: readonly (infer W)[] }
  ? W
  : R extends { kind: 'number' }
    ? number
    : R extends { kind: 'switch' }
      ? boolean
      : string

/** The settings of a format with their defaults; `disk.bad_setting` for unknown names and wrong values. */
export function readSettings<const R extends Readonly<Record<string, SettingRule>>>(
  format: string,
  given: Settings | undefined,
  rules: R,
): { readonly [K in keyof R]: ValueOf<R[K]> } {
  const unknown = Object.keys(given ?? {}).find((name) => !Object.hasOwn(rules, name))
  if (unknown !== undefined) {
    const known = Object.keys(rules).join(', ') || 'none'
    throw diskErrors.bad_setting({ format, setting: unknown, reason: `the settings are: ${known}` })
  }
  const entries = Object.entries(rules).map(([name, rule]) => {
    const value = given?.[name] ?? rule.default
    const reason = problem(value, rule)
    if (reason !== undefined) throw diskErrors.bad_setting({ format, setting: name, reason })
    return [name, value]
  })
  // Every value has just been tested against its rule.
  return Object.fromEntries(entries) as { readonly [K in keyof R]: ValueOf<R[K]> }
}

function problem(value: string | number | boolean, rule: SettingRule): string | undefined {
  switch (rule.kind) {
    case 'choice':
      return typeof value === 'string' && rule.of.includes(value) ? undefined : `it is one of ${rule.of.join(', ')}`
    case 'number':
      return typeof value === 'number' && Number.isSafeInteger(value) && rule.valid(value) ? undefined : rule.rule
    case 'switch':
      return typeof value === 'boolean' ? undefined : 'it is true or false'
    case 'text':
      return typeof value === 'string' ? undefined : 'it is a text'
  }
}
