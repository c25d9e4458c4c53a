import { XapiError } from '@nixen/xapi'
import type { Database } from '../db/database.ts'
import type { Call } from '../dispatch/call.ts'
import type { Enums, Ref } from '../generated/rows.ts'
import type { MessageModel } from '../model/model.ts'
import { vbdProblem, vifProblem } from './device-rules.ts'
import { hostProblem, poolProblem } from './host-rules.ts'
import { messageOperations } from './message-operations.ts'
import { srProblem, vdiProblem } from './storage-rules.ts'
import { vmProblem } from './vm-rules.ts'

/** Classes whose objects have `allowed_operations` with rules. */
export type OperatedClass = 'VM' | 'VDI' | 'VBD' | 'VIF' | 'SR' | 'host' | 'pool'

/** An operation of a class, and which parameter of the message is the object. */
export interface Operation {
  readonly cls: OperatedClass
  readonly op: string
  readonly param: number
}

/** The operation that a message is, if it is one. */
export function operationOf(message: MessageModel): Operation | undefined {
  const op = messageOperations[message.class.name]?.[message.name]
  // Only operated classes are in the table.
  return op === undefined ? undefined : { cls: message.class.name as OperatedClass, op, param: 0 }
}

/** Why an operation is refused now; `undefined` when it is allowed. The names are those of the class's enum. */
export function problemOf(
  db: Database,
  cls: OperatedClass,
  ref: string,
  { op, strict }: { op: string; strict: boolean },
): Error | undefined {
  // Each branch narrows reference and operation to those of its class.
  switch (cls) {
    case 'VM':
      return vmProblem(db, ref as Ref<'VM'>, op as Enums['vm_operations'], { strict })
    case 'VDI':
      return vdiProblem(db, ref as Ref<'VDI'>, op as Enums['vdi_operations'])
    case 'VBD':
      return vbdProblem(db, ref as Ref<'VBD'>, op as Enums['vbd_operations'])
    case 'VIF':
      return vifProblem(db, ref as Ref<'VIF'>, op as Enums['vif_operations'])
    case 'SR':
      return srProblem(db, ref as Ref<'SR'>, op as Enums['storage_operations'])
    case 'host':
      return hostProblem(db, ref as Ref<'host'>, op as Enums['host_allowed_operations'])
    case 'pool':
      return poolProblem(db, ref as Ref<'pool'>, op as Enums['pool_allowed_operations'])
  }
}

/**
 * Does `work` as an operation on an object: checks that it is allowed, shows it in `current_operations` while it lasts. Another operation in the
 * way is waited for, for a while.
 */
export async function withOperation(
  call: Call,
  operation: Pick<Operation, 'cls' | 'op'>,
  ref: string,
  work: () => unknown,
): Promise<unknown> {
  const { db } = call
  const { cls, op } = operation
  await waitUntilAllowed(call, operation, ref)
  setCurrent(db, cls, ref, { task: call.task.id, op })
  try {
    return await work()
  } finally {
    if (db.anyRow(ref)) setCurrent(db, cls, ref, { task: call.task.id, op: undefined })
  }
}

async function waitUntilAllowed(call: Call, { cls, op }: Pick<Operation, 'cls' | 'op'>, ref: string): Promise<void> {
  const { clock, settings } = call.pool
  const end = clock.monotonic() + settings.conflictWait
  for (let pause = 10; ; pause = Math.min(2 * pause, 500)) {
    const problem = problemOf(call.db, cls, ref, { op, strict: false })
    if (!problem) return
    const mayEnd = problem instanceof XapiError && problem.code === 'OTHER_OPERATION_IN_PROGRESS'
    const left = end - clock.monotonic()
    if (!mayEnd || left <= 0) throw problem
    await clock.sleep(Math.min(pause, left), { signal: call.task.signal })
  }
}

function setCurrent(
  db: Database,
  cls: OperatedClass,
  ref: string,
  { task, op }: { task: string; op: string | undefined },
): void {
  // All operated classes have this field, each with its own enum, which `op` comes from.
  const row = db.row(cls, ref as Ref<typeof cls>)
  const others = Object.entries(row.values.current_operations).filter(([key]) => key !== task)
  const current = Object.fromEntries(op === undefined ? others : [...others, [task, op]])
  db.update(row.ref, { current_operations: current as never })
}
