import { isRecord, messageOf } from '@nixen/core'
import { decodeXmlRpcValue, XapiError } from '@nixen/xapi'
import type { Database } from '../db/database.ts'
import type { ClassName, Rows } from '../generated/rows.ts'
import { decodeParam } from '../wire/decode.ts'

/** One object of an XVA: its id there and its fields, with ids in the place of references. */
export interface PackedObject<C extends ClassName = ClassName> {
  readonly cls: C
  readonly id: string
  readonly fields: Partial<Rows[C]>
}

/** Names of the fields of a VTPM in an `ova.xml`, which has no other objects in such a form. */
export type VtpmField = `vTPM'_${'VM' | 'uuid' | 'is_unique' | 'is_protected' | 'content'}`

/** A VTPM of an XVA. */
export interface PackedVtpm {
  /** The id of its machine. */
  readonly vm: string
  readonly isUnique: boolean
  readonly isProtected: boolean
  /** Base64. */
  readonly content: string
}

/** The objects of an `ova.xml`. */
export class PackedObjects {
  readonly #objects: readonly PackedObject[]
  readonly vtpms: readonly PackedVtpm[]

  constructor(objects: readonly PackedObject[], vtpms: readonly PackedVtpm[]) {
    this.#objects = objects
    this.vtpms = vtpms
  }

  of<C extends ClassName>(cls: C): PackedObject<C>[] {
    // They carry the class that they are asked by.
    return this.#objects.filter((object) => object.cls === cls) as unknown as PackedObject<C>[]
  }

  find<C extends ClassName>(cls: C, id: string | undefined): PackedObject<C> | undefined {
    return this.of(cls).find((object) => object.id === id)
  }
}

/** Classes that an import makes something of. */
const known: ReadonlySet<string> = new Set([
  'VM',
  'VBD',
  'VIF',
  'VDI',
  'SR',
  'network',
  'VM_metrics',
  'VM_guest_metrics',
  'host',
])

/** Reads an `ova.xml`; `IMPORT_ERROR`, and `IMPORT_INCOMPATIBLE_VERSION` for one of a newer host. */
export function readPackage(db: Database, ovaXml: string): PackedObjects {
  let root: unknown
  try {
    root = decodeXmlRpcValue(ovaXml)
  } catch (error) {
    throw new XapiError('IMPORT_ERROR', [`ova.xml: ${messageOf(error)}`], { cause: error })
  }
  const list = isRecord(root) ? root['objects'] : undefined
  if (!isRecord(root) || !Array.isArray(list)) throw new XapiError('IMPORT_ERROR', ['ova.xml has no list of objects'])
  checkVersion(db, root['version'])
  const items: readonly unknown[] = list
  return new PackedObjects(
    items.flatMap((item) => readObject(db, item) ?? []),
    items.flatMap((item) => readVtpm(item) ?? []),
  )
}

function checkVersion(db: Database, version: unknown): void {
  const { major, minor } = db.model.apiVersion
  const found = isRecord(version) ? [Number(version['xapi_major'] ?? 1), Number(version['xapi_minor'] ?? 0)] : [1, 0]
  const [foundMajor = 1, foundMinor = 0] = found
  if (foundMajor > major || (foundMajor === major && foundMinor > minor)) {
    throw new XapiError('IMPORT_INCOMPATIBLE_VERSION', [])
  }
}

function readObject(db: Database, item: unknown): PackedObject | undefined {
  if (!isRecord(item)) throw new XapiError('IMPORT_ERROR', ['an object of ova.xml has the wrong form'])
  const { class: cls, id, snapshot } = item
  if (typeof cls !== 'string' || typeof id !== 'string' || !isRecord(snapshot)) {
    throw new XapiError('IMPORT_ERROR', ['an object of ova.xml has the wrong form'])
  }
  const model = db.model.classes.get(cls)
  if (!model || !known.has(cls)) return undefined
  const fields: Record<string, unknown> = {}
  for (const { name, type } of model.visibleFields) {
    if (Object.hasOwn(snapshot, name)) fields[name] = decodeField(db, { cls, name, type }, snapshot[name])
  }
  // Each value was decoded by the type of its field.
  return { cls: cls as ClassName, id, fields: fields as PackedObject['fields'] }
}

function readVtpm(item: unknown): PackedVtpm | undefined {
  if (!isRecord(item) || item['class'] !== 'VTPM' || !isRecord(item['snapshot'])) return undefined
  const { snapshot } = item
  const at = (name: VtpmField): unknown => snapshot[name]
  const [vm, content] = [at("vTPM'_VM"), at("vTPM'_content")]
  if (typeof vm !== 'string' || typeof content !== 'string') {
    throw new XapiError('IMPORT_ERROR', ['a VTPM of ova.xml has the wrong form'])
  }
  return { vm, content, isUnique: at("vTPM'_is_unique") === true, isProtected: at("vTPM'_is_protected") === true }
}

function decodeField(
  db: Database,
  { cls, name, type }: { cls: string; name: string; type: Parameters<typeof decodeParam>[1] },
  value: unknown,
): unknown {
  try {
    return decodeParam(db.model, type, value, `${cls}.${name}`)
  } catch (error) {
    // Operations and features of another version are no reason to refuse a VM; they are not taken over anyway.
    if (type.kind === 'set' || type.kind === 'map') return undefined
    throw new XapiError('IMPORT_ERROR', [`ova.xml: ${messageOf(error)}`], { cause: error })
  }
}
