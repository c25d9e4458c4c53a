import { saveFile } from '../ui/save-file.ts'

/** A table as text (RFC 4180): what begins like a formula is made text, so that no spreadsheet runs it. */
export function csvOf(objects: readonly object[]): string {
  const fields = [...new Set(objects.flatMap((object) => Object.keys(object)))]
  const lines = objects.map((object) => {
    // Any object can be asked for its fields.
    const values = object as Readonly<Record<string, unknown>>
    return fields.map((field) => quoted(values[field])).join(',')
  })
  return `${[fields.join(','), ...lines].join('\r\n')}\r\n`
}

function quoted(value: unknown): string {
  if (value === undefined || value === null) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** Saves the rows of a list as they are shown, with all fields. */
export function exportRows(name: string, objects: readonly object[], format: 'csv' | 'json'): void {
  const text = format === 'csv' ? csvOf(objects) : `${JSON.stringify(objects, undefined, 2)}\n`
  const type = format === 'csv' ? 'text/csv' : 'application/json'
  saveFile(new Blob([text], { type }), `${name}.${format}`)
}
