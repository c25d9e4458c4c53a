import type { BulkItem, Vm } from '@nixen/api'
import { useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { client } from '../session/session.ts'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogButtons } from '../ui/dialog.tsx'
import { errorText } from '../ui/error-text.ts'
import { Notice } from '../ui/notice.tsx'
import { toast } from '../ui/toasts.tsx'
import { useWork } from '../ui/use-work.ts'
import type { VmActionInfo } from './vm-actions.tsx'
import { common } from '../i18n/common.ts'
import { actionsText as t } from '../i18n/actions.ts'

/** Shows what one action would do with many VMs, as the server judges, and does it. */
export function BulkDialog({
  action,
  vms,
  onClose,
  onDone,
}: {
  readonly action: VmActionInfo
  readonly vms: readonly Vm[]
  readonly onClose: () => void
  readonly onDone: () => void
}): ReactNode {
  // The targets stay those of the moment when it was opened: what is confirmed is what is done.
  const [ids] = useState(() => vms.map(({ id }) => id))
  const call = { action: `vm.${action.name}`, ids }
  const preview = useQuery({
    queryKey: ['bulk', call],
    queryFn: async ({ signal }) => await client.bulk.run({ ...call, dryRun: true }, { signal }),
    gcTime: 0,
    retry: false,
  })
  const work = useWork()
  const send = async (): Promise<void> => {
    const { allowed, refused } = await client.bulk.run(call)
    toast(refused > 0 ? 'warn' : 'good', t.askedFor({ action: action.label, n: allowed, refused }))
    onDone()
  }
  const allowed = preview.data?.allowed ?? 0
  const reason = preview.data && allowed === 0 ? t.noneAllows : undefined
  return (
    <Dialog title={t.group({ action: action.label, n: ids.length })} onClose={onClose}>
      {preview.isPending && <p role="status">{t.looking}</p>}
      {preview.error && <Notice tone="bad">{errorText(preview.error)}</Notice>}
      {preview.data && <Preview items={preview.data.items} allowed={allowed} label={action.label} />}
      {work.error !== undefined && (
        <div className="mt-4">
          <Notice tone="bad">{work.error}</Notice>
        </div>
      )}
      <DialogButtons>
        <Button onClick={onClose}>{common.cancel}</Button>
        <Button
          look={action.danger === true ? 'danger' : 'solid'}
          icon={action.icon}
          disabled={work.busy || !preview.data}
          reason={reason}
          onClick={() => void work.run(send)}
        >
          {preview.data ? t.group({ action: action.label, n: allowed }) : action.label}
        </Button>
      </DialogButtons>
    </Dialog>
  )
}

function Preview({
  items,
  allowed,
  label,
}: {
  readonly items: readonly BulkItem[]
  readonly allowed: number
  readonly label: string
}): ReactNode {
  const refused = Map.groupBy(
    items.filter((item) => item.refused),
    (item) => item.refused?.message.replace(item.name, t.theVm) ?? '',
  )
  const accepted = items.filter((item) => !item.refused)
  return (
    <div className="grid gap-3">
      <Group title={t.group({ action: label, n: allowed })} names={accepted.map(({ name }) => name)} />
      {[...refused].map(([reason, left]) => (
        <Group key={reason} title={t.leftOut({ n: left.length })} note={reason} names={left.map(({ name }) => name)} />
      ))}
    </div>
  )
}

function Group({
  title,
  note,
  names,
}: {
  readonly title: string
  readonly note?: string
  readonly names: readonly string[]
}): ReactNode {
  const shown = names.slice(0, 50)
  return (
    <section className="border-line rounded-md border p-3">
      <h3 className="font-semibold">{title}</h3>
      {note !== undefined && <p className="text-muted text-xs">{note}</p>}
      <p
        className="text-muted mt-1 max-h-32 overflow-auto text-xs break-words"
        tabIndex={names.length > 20 ? 0 : undefined}
      >
        {names.length > shown.length
          ? t.andMore({ names: shown.join(', '), n: names.length - shown.length })
          : shown.join(', ')}
      </p>
    </section>
  )
}
