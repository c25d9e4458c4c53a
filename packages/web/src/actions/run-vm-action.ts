import type { HostId, Vm } from '@nixen/api'
import { client } from '../session/session.ts'
import { value } from '../value.ts'
import { errorText } from '../ui/error-text.ts'
import { toast } from '../ui/toasts.tsx'
import { type VmActionName } from './equivalents.ts'
import { vmAction } from './vm-actions.tsx'
import { actionsText } from '../i18n/actions.ts'

/** What was asked for and not answered yet, by VM: shown at once, gone when the server answers and its task is seen instead. */
export const intents = value<ReadonlyMap<string, string>>(new Map())

/** Input of the actions that have one. */
export interface VmActionInput {
  readonly name?: string | undefined
  readonly host?: HostId | undefined
  /** Of a snapshot: with the memory. */
  readonly memory?: boolean | undefined
}

/** Asks the server for an action. A refusal is told in a toast. */
export async function runVmAction(action: VmActionName, vm: Vm, input: VmActionInput = {}): Promise<void> {
  const { label, doing } = vmAction(action)
  setIntent(vm.id, doing)
  try {
    await ask(action, vm, input)
  } catch (error) {
    toast('bad', actionsText.failed({ action: label, name: vm.name, error: errorText(error) }))
  } finally {
    setIntent(vm.id, undefined)
  }
}

async function ask(action: VmActionName, { id }: Vm, { name, host, memory }: VmActionInput): Promise<void> {
  const named = name === undefined || name === '' ? {} : { name }
  if (action === 'snapshot' && memory === true) await client.vm.snapshotWithMemory({ id, ...named })
  else if (action === 'snapshot' || action === 'clone') await client.vm[action]({ id, ...named })
  else if (action === 'migrate') {
    if (host !== undefined) await client.vm.migrate({ id, host })
  } else await client.vm[action]({ id })
}

function setIntent(id: string, doing: string | undefined): void {
  const next = new Map(intents.get())
  if (doing === undefined) next.delete(id)
  else next.set(id, doing)
  intents.set(next)
}
