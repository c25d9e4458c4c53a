import type { Vm } from '@nixen/api'
import { useState, type ReactNode } from 'react'
import { inventory } from '../live/live.ts'
import { useAccess } from '../session/may.ts'
import type { MenuEntry } from '../ui/menu.tsx'
import { runVmAction } from './run-vm-action.ts'
import { VmActionDialog } from './vm-action-dialog.tsx'
import { type VmActionName } from './equivalents.ts'
import { refusal, vmActions, type VmActionInfo } from './vm-actions.tsx'

/** What can be done with a VM: judged, begun, and the dialog of one that asks first. */
export interface VmActing {
  readonly reasonOf: (name: VmActionName) => string | undefined
  readonly begin: (action: VmActionInfo) => void
  readonly entries: readonly MenuEntry[]
  readonly dialog: ReactNode
}

/** Actions of one VM, for its page, menus and the palette. */
export function useVmActions(vm: Vm): VmActing {
  const access = useAccess()
  const [asking, setAsking] = useState<VmActionInfo>()
  const connection = inventory.get('connection', vm.connection)
  const reasonOf = (name: VmActionName): string | undefined => refusal(name, vm, { access, connection })
  const begin = (action: VmActionInfo): void => {
    if (action.asks) setAsking(action)
    // Its intent and errors are shown where the VM is.
    else void runVmAction(action.name, vm)
  }
  const entries = vmActions.map((action) => ({
    id: action.name,
    label: action.label + (action.asks ? ' …' : ''),
    icon: action.icon,
    danger: action.danger === true,
    apart: ['hardShutdown', 'snapshot', 'delete'].includes(action.name),
    reason: reasonOf(action.name),
    run: () => begin(action),
  }))
  const dialog = asking ? <VmActionDialog action={asking} vm={vm} onClose={() => setAsking(undefined)} /> : undefined
  return { reasonOf, begin, entries, dialog }
}
