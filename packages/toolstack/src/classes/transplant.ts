import type { Database } from '../db/database.ts'
import { nullRef } from '../db/ref.ts'
import type { ClassName, Ref, Rows } from '../generated/rows.ts'
import type { WireType } from '../model/wire-type.ts'

/** Makes a row of one pool's inventory in another's: values stay, references are lost but for those that `values` gives. */
export function transplant<C extends ClassName>(
  { from, to, cls }: { from: Database; to: Database; cls: C },
  ref: Ref<C>,
  values: Partial<Rows[C]>,
): Ref<C> {
  const row = from.row(cls, ref)
  const old: Readonly<Record<string, unknown>> = row.values
  const kept: Record<string, unknown> = {}
  for (const { name, type, relation } of row.cls.fields) {
    if (relation && relation.kind !== 'one') continue
    kept[name] = withoutRefs(type, old[name])
  }
  // Each value comes from the field of the same name.
  return to.insert(cls, { ...(kept as Partial<Rows[C]>), ...free(from, row.values), ...values })
}

/** What is only true of the row where it was. */
function free(from: Database, values: object): object {
  return {
    ...('current_operations' in values ? { current_operations: {} } : {}),
    ...('uuid' in values ? { uuid: from.newUuid() } : {}),
  }
}

function withoutRefs(type: WireType, value: unknown): unknown {
  if (type.kind === 'ref') return nullRef
  return type.kind === 'set' && type.of.kind === 'ref' ? [] : value
}
