import type { Vm } from '@nixen/api'
import { Link, useParams } from '@tanstack/react-router'
import { Ellipsis, MonitorPlay } from 'lucide-react'
import { useRef, useState, type ReactNode } from 'react'
import { type VmActionName } from '../../actions/equivalents.ts'
import { useVmActions } from '../../actions/use-vm-actions.tsx'
import { vmAction, vmActions } from '../../actions/vm-actions.tsx'
import { actionsText } from '../../i18n/actions.ts'
import { backup } from '../../i18n/backup.ts'
import { chartsText } from '../../i18n/charts.ts'
import { common } from '../../i18n/common.ts'
import { inventoryText as t } from '../../i18n/inventory.ts'
import { shell } from '../../i18n/shell.ts'
import { vmText } from '../../i18n/vm.ts'
import { PowerState } from '../../lists/states.tsx'
import { useObject } from '../../live/live.ts'
import { lacking, useAccess } from '../../session/may.ts'
import { usePageCommands } from '../../shell/page-commands.ts'
import { Button } from '../../ui/button.tsx'
import { Menu } from '../../ui/menu.tsx'
import { Notice } from '../../ui/notice.tsx'
import { Page } from '../../ui/page.tsx'
import { TabLinks } from '../../ui/tab-links.tsx'
import { Gone } from '../page-error.tsx'
import { ExportDialog } from './export-dialog.tsx'

/** The three actions that are wanted most in a state. */
const mainActions: Readonly<Partial<Record<Vm['power'], readonly VmActionName[]>>> = {
  running: ['shutdown', 'reboot', 'snapshot'],
  paused: ['unpause', 'snapshot'],
  suspended: ['resume', 'snapshot'],
}

/**
 * The head of every part of a VM: its name, state, actions and the other parts. Says so when it is not there; one that goes away while its page is open
 * stays as it was last, with what is typed into its forms.
 */
export function VmFrame({ children }: { readonly children: (vm: Vm) => ReactNode }): ReactNode {
  const { id = '' } = useParams({ strict: false })
  const found = useObject('vm', id)
  const last = useRef<Vm>(undefined)
  if (found) last.current = found
  const vm = last.current?.id === id ? last.current : undefined
  return vm ? (
    <Framed key={id} vm={vm} isGone={found === undefined}>
      {children(vm)}
    </Framed>
  ) : (
    <Gone what="vm" list="/vms" />
  )
}

interface FramedProps {
  readonly vm: Vm
  readonly isGone: boolean
  readonly children: ReactNode
}

function Framed({ vm, isGone, children }: FramedProps): ReactNode {
  const acting = useVmActions(vm)
  const access = useAccess()
  const [exporting, setExporting] = useState(false)
  const main = mainActions[vm.power] ?? ['start', 'snapshot']
  usePageCommands(
    (isGone ? [] : vmActions).map((action) => ({
      id: `vm.${action.name}`,
      label: actionsText.title({ action: action.label, name: vm.name }),
      kind: shell.kinds.action,
      reason: acting.reasonOf(action.name),
      run: () => acting.begin(action),
    })),
  )
  const base = `/vms/${vm.id}`
  return (
    <Page
      title={vm.name || common.noName}
      crumbs={[{ label: shell.vms, to: '/vms' }]}
      note={<PowerState vm={vm} />}
      actions={
        !isGone && (
          <>
            {main.map((name, index) => {
              const action = vmAction(name)
              return (
                <Button
                  key={name}
                  look={index === 0 ? 'solid' : 'plain'}
                  icon={action.icon}
                  reason={acting.reasonOf(name)}
                  onClick={() => acting.begin(action)}
                >
                  {action.label}
                  {action.asks ? ' …' : ''}
                </Button>
              )
            })}
            <Link
              to="/vms/$id/console"
              params={{ id: vm.id }}
              className="border-line bg-raised hover:bg-hover inline-flex min-h-8 items-center gap-1.5 rounded-md border px-3 text-sm font-medium"
            >
              <MonitorPlay size={16} aria-hidden /> {t.consoleTab}
            </Link>
            <Menu
              label={actionsText.moreActions}
              entries={[
                ...acting.entries,
                {
                  id: 'export',
                  label: vmText.exportVm,
                  apart: true,
                  reason: lacking(access, 'vm:export', vm),
                  run: () => setExporting(true),
                },
              ]}
              icon={<Ellipsis size={16} aria-hidden />}
            />
          </>
        )
      }
    >
      {acting.dialog}
      {exporting && <ExportDialog vm={vm} onClose={() => setExporting(false)} />}
      {isGone && (
        <Notice tone="warn">
          {t.goneOpen({ name: vm.name })} {common.goneWhy}{' '}
          <Link to="/vms" className="underline">
            {common.backToList}
          </Link>
        </Notice>
      )}
      <TabLinks
        label={vmText.parts}
        tabs={[
          { to: base, label: t.details },
          { to: `${base}/charts`, label: chartsText.title },
          { to: `${base}/snapshots`, label: t.snapshots },
          { to: `${base}/backups`, label: backup.backupsTab },
        ]}
      />
      {Object.entries(vm.blocked ?? {}).map(([action, reason]) => (
        <Notice key={action} tone="info">
          {t.blocked({ action, reason: reason || t.noReason })}
        </Notice>
      ))}
      {children}
    </Page>
  )
}
