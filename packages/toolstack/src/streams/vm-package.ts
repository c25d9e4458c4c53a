import type { Database } from '../db/database.ts'
import { isNull } from '../db/ref.ts'
import type { Row } from '../db/row.ts'
import type { ClassName, Ref } from '../generated/rows.ts'
import type { WireType } from '../model/wire-type.ts'
import type { Pool } from '../pool/pool.ts'
import { xmlParts } from '../wire/xml-encode.ts'
import type { VtpmField } from './package-reader.ts'
import { formatDate } from '../wire/dates.ts'

/** What an XVA says about one or more VMs, and which disks it has data of. */
export interface VmPackage {
  readonly ovaXml: string
  /** The disks in the file, by their ids in it (`Ref:n`). */
  readonly disks: readonly { readonly ref: string; readonly vdi: Ref<'VDI'> }[]
}

const version = { hostname: 'string', date: 'string', product_version: 'string', product_brand: 'string' } as const
const stringType: WireType = { kind: 'string' }
const intType: WireType = { kind: 'int' }

const packageType: WireType = {
  kind: 'struct',
  members: {
    version: {
      kind: 'struct',
      members: {
        ...Object.fromEntries(Object.keys(version).map((name) => [name, stringType])),
        build_number: stringType,
        xapi_major: intType,
        xapi_minor: intType,
        export_vsn: intType,
      },
    },
  },
}

/** Describes VMs with all that belongs to them. The ids in it are `Ref:0`, `Ref:1`, …; what is not in it is the null reference there. */
export function describeVms(
  { db, clock }: Pool,
  vms: readonly Ref<'VM'>[],
  { snapshots, parents = false }: { snapshots: boolean; parents?: boolean },
): VmPackage {
  const rows = collect(db, vms, { snapshots, parents })
  const ids = new Map([...rows].map((row, index) => [row.ref as string, `Ref:${index}`]))
  const head = xmlParts(packageType, { version: versionOf(db, clock.now()) }).join('')
  const objects = [...rows].map((row) => (isVtpm(row) ? vtpmText(db, row, ids) : objectText(row, ids))).join('')
  const list = `<member><name>objects</name><value><array><data>${objects}</data></array></value></member>`
  const disks = [...rows].filter(isRowOf('VDI')).map((row) => ({ ref: ids.get(row.ref) ?? '', vdi: row.ref }))
  return { ovaXml: head.replace(/<\/struct><\/value>$/, `${list}</struct></value>`), disks }
}

function versionOf(db: Database, now: number): Record<string, string | number> {
  const [first] = db.rows('host')
  const { hostname = '', software_version = {}, API_version_major = 2, API_version_minor = 21 } = first?.values ?? {}
  return {
    hostname,
    date: formatDate(now),
    product_version: software_version['product_version'] ?? '',
    product_brand: software_version['product_brand'] ?? '',
    build_number: software_version['build_number'] ?? '',
    xapi_major: API_version_major,
    xapi_minor: API_version_minor,
    export_vsn: 2,
  }
}

function isRowOf<C extends ClassName>(cls: C): (row: Row) => row is Row<C> {
  return (row): row is Row<C> => row.cls.name === cls
}

const isVtpm = isRowOf('VTPM')

/** A VTPM with its content, in the form of its own that a host writes (xen-api, export.ml). */
function vtpmText(db: Database, { ref, values }: Row<'VTPM'>, ids: ReadonlyMap<string, string>): string {
  const { VM, uuid, is_unique, is_protected, contents } = values
  const boolType: WireType = { kind: 'bool' }
  const members: Record<VtpmField, WireType> = {
    "vTPM'_VM": stringType,
    "vTPM'_uuid": stringType,
    "vTPM'_is_unique": boolType,
    "vTPM'_is_protected": boolType,
    "vTPM'_content": stringType,
  }
  const snapshot: Record<VtpmField, string | boolean> = {
    "vTPM'_VM": ids.get(VM) ?? 'OpaqueRef:NULL',
    "vTPM'_uuid": uuid,
    "vTPM'_is_unique": is_unique,
    "vTPM'_is_protected": is_protected,
    "vTPM'_content": db.find('secret', contents)?.value ?? '',
  }
  const type: WireType = {
    kind: 'struct',
    members: { class: stringType, id: stringType, snapshot: { kind: 'struct', members } },
  }
  return xmlParts(type, { class: 'VTPM', id: ids.get(ref), snapshot }).join('')
}

/** The VMs, and the objects a host puts into the file with them. */
function collect(
  db: Database,
  vms: readonly Ref<'VM'>[],
  { snapshots, parents }: { snapshots: boolean; parents: boolean },
): Set<Row> {
  const rows = new Set<Row>()
  const add = (ref: string): Row | undefined => {
    const row = isNull(ref) ? undefined : db.anyRow(ref)
    if (row) rows.add(row)
    return row
  }
  const all = snapshots ? vms.flatMap((vm) => [vm, ...db.get('VM', vm).snapshots]) : vms
  for (const vm of all) {
    const { VBDs, VIFs, VTPMs, metrics, guest_metrics, suspend_VDI, power_state, resident_on } = db.get('VM', vm)
    add(vm)
    for (const ref of [metrics, guest_metrics, resident_on]) add(ref)
    for (const vtpm of VTPMs) add(vtpm)
    for (const vif of VIFs) {
      add(vif)
      add(db.get('VIF', vif).network)
    }
    for (const vbd of VBDs) {
      const { type, VDI } = db.get('VBD', vbd)
      add(vbd)
      if (type === 'Disk') addDisk(db, VDI, { add, parents })
    }
    if (power_state === 'Suspended') addDisk(db, suspend_VDI, { add, parents })
  }
  return rows
}

function addDisk(
  db: Database,
  vdi: Ref<'VDI'>,
  { add, parents }: { add: (ref: string) => unknown; parents: boolean },
): void {
  const record = db.find('VDI', vdi)
  if (!record) return
  add(vdi)
  add(record.SR)
  const parent = record.sm_config['vhd-parent']
  const below = parents && parent !== undefined ? db.findUuid('VDI', parent) : undefined
  if (below !== undefined) addDisk(db, below, { add, parents })
}

function objectText({ cls, ref, values }: Row, ids: ReadonlyMap<string, string>): string {
  const fields: Readonly<Record<string, unknown>> = values
  const members = Object.fromEntries(cls.visibleFields.map(({ name, type }) => [name, type]))
  const snapshot = Object.fromEntries(
    cls.visibleFields.map(({ name, type }) => [name, translate(type, fields[name], ids)]),
  )
  const type: WireType = {
    kind: 'struct',
    members: { class: stringType, id: stringType, snapshot: { kind: 'struct', members } },
  }
  return xmlParts(type, { class: cls.name, id: ids.get(ref), snapshot }).join('')
}

/** References become ids of the file, and those to what is not in it become null. */
function translate(type: WireType, value: unknown, ids: ReadonlyMap<string, string>): unknown {
  if (type.kind === 'ref') return ids.get(String(value)) ?? 'OpaqueRef:NULL'
  // Sets of the model are iterable.
  if (type.kind === 'set' && type.of.kind === 'ref') {
    return [...(value as Iterable<string>)].flatMap((ref) => ids.get(ref) ?? [])
  }
  return value
}
