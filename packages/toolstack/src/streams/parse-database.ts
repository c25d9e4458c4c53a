import { parseXml, XmlElement } from '@rgrove/parse-xml'
import { messageOf } from '@nixen/core'
import { XapiError } from '@nixen/xapi'
import type { StoredRow } from '../db/row-store.ts'
import { fault } from '../errors.ts'
import type { ClassModel, Model } from '../model/model.ts'
import { databaseSchema } from './database-dump.ts'
import { parseDatabaseText, unprotect } from './database-text.ts'

/**
 * The rows of a database as XAPI writes it. Tables and columns that are not known here are left out; columns that are missing have their defaults.
 * `RESTORE_INCOMPATIBLE_VERSION` for a newer schema, `INTERNAL_ERROR` for what is no database.
 */
export function parseDatabase(model: Model, xml: string): StoredRow[] {
  const root = parse(xml)
  if (root?.name !== 'database') throw bad('the text is no XML with a <database>')
  assertSchema(root)
  const rows: StoredRow[] = []
  const seen = new Set<string>()
  for (const table of elements(root, 'table')) {
    const cls = model.classes.get(table.attributes['name'] ?? '')
    if (!cls?.inDatabase || !cls.persist) continue
    for (const row of elements(table, 'row')) {
      const ref = row.attributes['ref'] ?? ''
      if (ref === '' || seen.has(ref)) throw bad(`a row of ${cls.name} has no reference of its own: "${ref}"`)
      seen.add(ref)
      rows.push({ ref, cls: cls.name, created: seen.size, modified: seen.size, values: valuesOf(model, cls, row) })
    }
  }
  return rows
}

function parse(xml: string): XmlElement | null {
  try {
    return parseXml(xml).root
  } catch (error) {
    throw bad(messageOf(error).split('\n')[0] ?? '')
  }
}

function assertSchema(root: XmlElement): void {
  const pairs = elements(root, 'manifest').flatMap((manifest) => elements(manifest, 'pair'))
  const value = (key: string): number =>
    Number(pairs.find(({ attributes }) => attributes['key'] === key)?.attributes['value'] ?? Number.NaN)
  const [major, minor] = [value('schema_major_vsn'), value('schema_minor_vsn')]
  if (!Number.isSafeInteger(major) || !Number.isSafeInteger(minor)) throw bad('its manifest names no schema')
  const known = databaseSchema()
  if (major !== known.major || minor > known.minor) throw fault('RESTORE_INCOMPATIBLE_VERSION')
}

function valuesOf(model: Model, cls: ClassModel, { attributes }: XmlElement): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const { name, filterName, type, relation } of cls.fields) {
    // What ended with the host, and what follows from other rows.
    if (name === 'current_operations' || name === 'allowed_operations' || relation?.kind === 'many') continue
    const text = attributes[filterName]
    if (text === undefined) continue
    const value = parseDatabaseText(model, type, unprotect(text), `${cls.name}.${name}`)
    // A relation of many to many is a set.
    values[name] = relation?.kind === 'peer' ? new Set(value as readonly string[]) : value
  }
  return values
}

function elements(parent: XmlElement, name: string): XmlElement[] {
  return parent.children.filter((child): child is XmlElement => child instanceof XmlElement && child.name === name)
}

function bad(reason: string): XapiError {
  return new XapiError('INTERNAL_ERROR', [`This is no database that can be restored: ${reason}`])
}
