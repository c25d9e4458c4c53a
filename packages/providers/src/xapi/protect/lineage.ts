import { newOwnId } from '@nixen/api'
import type { Ref, VMRecord } from '@nixen/xapi'
import { callsOf, type ProtectContext, type Stoppable } from './context.ts'
import { lineageKey } from './marks.ts'

/** The lineage that a VM's own metadata name, unless they were copied from another VM. */
export function lineageOf({ uuid, other_config }: Pick<VMRecord, 'uuid' | 'other_config'>): string | undefined {
  const [lineage = '', of] = (other_config[lineageKey] ?? '').split(' ')
  return of === uuid && lineage !== '' ? lineage : undefined
}

/** The lineage of a VM; it gets one at its first backup. */
export async function ensureLineage(
  context: ProtectContext,
  vm: Ref<'VM'>,
  record: Pick<VMRecord, 'uuid' | 'other_config'>,
  options: Stoppable = {},
): Promise<string> {
  const known = lineageOf(record)
  if (known !== undefined) return known
  const lineage = newOwnId<'lineage'>()
  await writeLineage(context, vm, { lineage, uuid: record.uuid }, options)
  return lineage
}

/** Writes a lineage into a VM's own metadata. */
export async function writeLineage(
  context: ProtectContext,
  vm: Ref<'VM'>,
  { lineage, uuid }: { lineage: string; uuid: string },
  options: Stoppable = {},
): Promise<void> {
  const { VM } = callsOf(context, options)
  await VM.remove_from_other_config(vm, lineageKey)
  await VM.add_to_other_config(vm, lineageKey, `${lineage} ${uuid}`)
}
