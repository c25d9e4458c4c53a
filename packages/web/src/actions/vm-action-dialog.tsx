import { vmCan, type HostId, type Vm } from '@nixen/api'
import { useState, type ReactNode } from 'react'
import { useQuery } from '@tanstack/react-query'
import { formatBytes } from '../format/format.ts'
import { client } from '../session/session.ts'
import { errorText } from '../ui/error-text.ts'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogButtons } from '../ui/dialog.tsx'
import { CheckField, SelectField, TextField } from '../ui/field.tsx'
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
  const [memory, setMemory] = useState(false)
  const withMemory = action.name === 'snapshot' && vmCan.snapshotWithMemory.check(vm).allowed
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
          void runVmAction(action.name, vm, { name, host: host as HostId, memory })
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
        {withMemory && (
          <CheckField label={t.withMemory} checked={memory} onChange={({ target }) => setMemory(target.checked)} />
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

/** The hosts of its pool: those that can take it now with what is free on them, the others with why not. */
function HostField({
  vm,
  host,
  onChange,
}: {
  readonly vm: Vm
  readonly host: string
  readonly onChange: (host: string) => void
}): ReactNode {
  const { data, error, isPending } = useQuery({
    queryKey: ['vm.placement', vm.id],
    queryFn: async ({ signal }) => (await client.vm.placement({ id: vm.id }, { signal })).items,
    retry: false,
  })
  if (error) return <Notice tone="bad">{errorText(error)}</Notice>
  if (isPending) return <p role="status">{t.lookingAtHosts}</p>
  const others = data.filter((one) => one.host !== vm.host)
  if (others.length === 0) return <Notice tone="warn">{t.noOtherHost}</Notice>
  return (
    <SelectField label={t.toHost} value={host} autoFocus onChange={(event) => onChange(event.target.value)}>
      <option value="">{common.choose}</option>
      {others.map(({ host: id, name, possible, reason, free }) => (
        <option key={id} value={id} disabled={!possible}>
          {possible
            ? t.hostFree({ name, free: free === undefined ? common.unknown : formatBytes(free) })
            : t.hostNot({ name, reason: reason ?? common.no })}
        </option>
      ))}
    </SelectField>
  )
}

/** What goes with a VM that is deleted, as the server says. */
function DeletionSummary({ vm }: { readonly vm: Vm }): ReactNode {
  const { data, error, isPending } = useQuery({
    queryKey: ['vm.deletion', vm.id],
    queryFn: async ({ signal }) => await client.vm.deletion({ id: vm.id }, { signal }),
    gcTime: 0,
    retry: false,
  })
  if (error) return <Notice tone="bad">{errorText(error)}</Notice>
  if (isPending) return <p role="status">{t.asking}</p>
  return (
    <Notice tone="warn">
      <p>{t.cannotUndo}</p>
      <ul className="list-disc pl-5">
        {data.disks.map(({ id, name, size }) => (
          <li key={id}>{t.diskNamed({ name, size: formatBytes(size) })}</li>
        ))}
        {data.snapshots.length > 0 && <li>{t.itsSnapshots({ n: data.snapshots.length })}</li>}
      </ul>
      {data.kept.length > 0 && <p>{t.stay({ n: data.kept.length })}</p>}
    </Notice>
  )
}
