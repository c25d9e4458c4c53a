import { alertErrors, type AlertCondition } from '@nixen/api'

/** What a message can name. */
export const placeholders = [
  'object.name',
  'object.id',
  'value',
  'threshold',
  'since',
  'url',
  'rule',
  'severity',
] as const
export type Placeholder = (typeof placeholders)[number]

const pattern = /\{([a-zA-Z][a-zA-Z.]*)\}/g

/** The usual message of each condition. */
export const usualMessages = {
  'host-cpu': '{object.name}: the processors are busy to {value}; the threshold is {threshold}.',
  'host-memory': '{object.name}: {value} of the memory is in use; the threshold is {threshold}.',
  'storage-usage': '{object.name} is full to {value}; the threshold is {threshold}.',
  'host-down': '{object.name} does not answer.',
  'connection-down': '{object.name} is not connected: {value}',
  query: '{object.name} fits "{threshold}".',
  certificate: 'The certificate of {object.name} {value}.',
  'job-failed': 'The job {object.name} did not go well: {value}',
  'job-late': 'The job {object.name} is late: {value}',
  repository: 'The repository {object.name} needs somebody: {value}',
} as const satisfies Readonly<Record<AlertCondition['kind'], string>>

/** Refuses placeholders that there are not. @throws alert.bad_template */
export function checkTemplate(template: string): void {
  const known: ReadonlySet<string> = new Set(placeholders)
  for (const [, name = ''] of template.matchAll(pattern)) {
    if (known.has(name)) continue
    throw alertErrors.bad_template({ placeholder: name, known: placeholders.map((one) => `{${one}}`).join(', ') })
  }
}

/** Puts values in a template. What a value holds is text, also where it looks like a placeholder. */
export function fill(template: string, values: Readonly<Record<Placeholder, string>>): string {
  // Checked when the alert was saved.
  return template.replaceAll(pattern, (whole, name: string) => (name in values ? values[name as Placeholder] : whole))
}
