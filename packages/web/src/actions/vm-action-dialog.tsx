import type { HostId, Vm } from '@nixen/api'
import { useState, type ReactNode } from 'react'
import { useAll } from '../live/live.ts'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogButtons } from '../ui/dialog.tsx'
import { SelectField, TextField } from '../ui/field.tsx'
import { Notice } from '../ui/notice.tsx'
import { Equivalents } from './equivalent-lines.tsx'
import { runVmAction } from './run-vm-action.ts'
import { type VmActionInfo } from './vm-actions.tsx'
import { common } from '../i18n/common.ts'
import { actionsText as t } from '../i18n/actions.ts'

/** Asks for what an action needs, says what it does, and shows how to do the same by command line and API. */
export function VmActionDialog({
  action,
  vm,
  onClose,
}: {
  readonly action: VmActionInfo
  readonly vm: Vm
  readonly onClose: () => void
}): ReactNode {
  const [name, setName] = useState('')
  const [host, setHost] = useState('')
  const [typed, setTyped] = useState('')
  const asksName = action.name === 'snapshot' || action.name === 'clone'
  const isDelete = action.name === 'delete'
  const reason =
    action.name === 'migrate' && host === '' ? t.chooseHost : isDelete && typed !== vm.name ? t.typeName : undefined
  const input = { ...(asksName && name !== '' ? { name } : {}), ...(host === '' ? {} : { host }) }
  return (
    <Dialog title={t.title({ action: action.label, name: vm.name })} onClose={onClose}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          if (reason !== undefined) return
          onClose()
          // Its intent and errors are shown where the VM is.
          void runVmAction(action.name, vm, { name, host: host as HostId })
        }}
      >
        <p>{t.about[action.name]}</p>
        {isDelete && <DeletionSummary vm={vm} />}
        {asksName && (
          <TextField
            label={common.name}
            help={t.nameHelp}
            autoFocus
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
        {action.name === 'migrate' && <HostField vm={vm} host={host} onChange={setHost} />}
        {isDelete && (
          <TextField
            label={t.typeToConfirm({ name: vm.name })}
            autoFocus
            autoComplete="off"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        )}
        <Equivalents action={action.name} id={vm.id} input={input} />
        <DialogButtons>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" look={action.danger === true ? 'danger' : 'solid'} reason={reason} icon={action.icon}>
            {action.label}
          </Button>
        </DialogButtons>
      </form>
    </Dialog>
  )
}

function HostField({
  vm,
  host,
  onChange,
}: {
  readonly vm: Vm
  readonly host: string
  readonly onChange: (host: string) => void
}): ReactNode {
  const hosts = useAll('host').filter(({ pool, id }) => pool === vm.pool && id !== vm.host)
  if (hosts.length === 0) return <Notice tone="warn">{t.noOtherHost}</Notice>
  return (
    <SelectField label={t.toHost} value={host} autoFocus onChange={(event) => onChange(event.target.value)}>
      <option value="">{common.choose}</option>
      {hosts.map(({ id, name, enabled, vms }) => (
        <option key={id} value={id} disabled={!enabled}>
          {name} ({enabled ? `${vms} VMs` : 'in maintenance'})
        </option>
      ))}
    </SelectField>
  )
}

/** What goes with a VM that is deleted. */
function DeletionSummary({ vm }: { readonly vm: Vm }): ReactNode {
  const disks = useAll('disk').filter(
    ({ vms, kind, snapshotOf }) => kind === 'disk' && snapshotOf === undefined && vms.includes(vm.id),
  )
  const own = disks.filter(({ vms }) => vms.length === 1)
  const shared = disks.length - own.length
  return (
    <Notice tone="warn">
      <p>This cannot be undone. With it go:</p>
      <ul className="list-disc pl-5">
        {own.map(({ id, name }) => (
          <li key={id}>disk {name}</li>
        ))}
        {vm.snapshots > 0 && <li>its snapshots ({vm.snapshots})</li>}
      </ul>
      {shared > 0 && <p>{shared} of its disks are used by other VMs and stay.</p>}
    </Notice>
  )
}
