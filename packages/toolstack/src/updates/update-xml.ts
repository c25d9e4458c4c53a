import { parseXml, XmlElement } from '@rgrove/parse-xml'
import { isUuid } from '@nixen/core'
import { fault } from '../errors.ts'
import type { Enums, Rows } from '../generated/rows.ts'

/** What an update says of itself, as the fields of its record. */
export type UpdateInfo = Pick<
  Rows['pool_update'],
  | 'uuid'
  | 'name_label'
  | 'name_description'
  | 'version'
  | 'key'
  | 'installation_size'
  | 'after_apply_guidance'
  | 'enforce_homogeneity'
>

const guidances = [
  'restartHVM',
  'restartPV',
  'restartHost',
  'restartXAPI',
] as const satisfies readonly Enums['update_after_apply_guidance'][]

/** Reads `update.xml` of an update. `INVALID_UPDATE` says what is missing, in a host's words and order. */
export function parseUpdateXml(text: string): UpdateInfo {
  const root = rootOf(text)
  if (root?.name !== 'update') throw fault('INVALID_UPDATE', 'missing <update> in update.xml')
  const { attributes } = root
  const need = (name: string): string => {
    const value = attributes[name]
    if (value === undefined) throw fault('INVALID_UPDATE', `missing <${name}> in update.xml`)
    return value
  }
  const uuid = need('uuid')
  const [name_label, version] = [need('name-label'), need('version')]
  const description = root.children.find((child) => child instanceof XmlElement && child.name === 'name-description')
  if (!(description instanceof XmlElement)) throw fault('INVALID_UPDATE', 'missing <name-description> in update.xml')
  if (!isUuid(uuid)) throw fault('INVALID_UPDATE', 'invalid <uuid> in update.xml')
  const size = Number(attributes['installation-size'] ?? 0)
  return {
    uuid,
    name_label,
    version,
    name_description: description.text,
    key: (attributes['key'] ?? '').replace(/^.*\//s, ''),
    installation_size: Number.isSafeInteger(size) && size >= 0 ? size : 0,
    after_apply_guidance: guidanceOf(attributes['after-apply-guidance'] ?? ''),
    enforce_homogeneity: ['true', '1'].includes(attributes['enforce-homogeneity'] ?? ''),
  }
}

function rootOf(text: string): XmlElement | null {
  try {
    return parseXml(text).root
  } catch {
    // The parser's own words are of no use to a client: a host says as little.
    throw fault('INVALID_UPDATE', 'missing update document (update.xml) in the package.')
  }
}

/** A list with anything unknown in it counts as none, as on a host. */
function guidanceOf(text: string): UpdateInfo['after_apply_guidance'] {
  const wanted = text === '' ? [] : text.split(',')
  const known = guidances.filter((guidance) => wanted.includes(guidance))
  return known.length === new Set(wanted).size ? known : []
}
