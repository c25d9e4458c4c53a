import type { ConnectionId, Point, RestorePreview, StorageId } from '@nixen/api'
import { useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { formatBytes, formatTime } from '../format/format.ts'
import { useAll, useName } from '../live/live.ts'
import { client } from '../session/session.ts'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogButtons } from '../ui/dialog.tsx'
import { errorText } from '../ui/error-text.ts'
import { CheckField, SelectField, TextField } from '../ui/field.tsx'
import { ObjectLink } from '../ui/link-to.tsx'
import { Notice } from '../ui/notice.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { toast } from '../ui/toasts.tsx'
import { useWork } from '../ui/use-work.ts'
import { common } from '../i18n/common.ts'
import { backup as t } from '../i18n/backup.ts'
import { shell } from '../i18n/shell.ts'
import { inventoryText } from '../i18n/inventory.ts'
import { rich } from '../i18n/rich.tsx'

/** Brings a VM back in two steps: where to and as what, then the plan of what will be done. */
export function RestoreDialog({ point, onClose }: { readonly point: Point; readonly onClose: () => void }): ReactNode {
  const connections = useAll('connection').filter(({ state }) => state === 'connected')
  const [connection, setConnection] = useState('')
  const [identity, setIdentity] = useState<'new' | 'same'>('new')
  const [name, setName] = useState('')
  const [storage, setStorage] = useState('')
  const [start, setStart] = useState(false)
  const [step, setStep] = useState<'wish' | 'plan'>('wish')
  const storages = useAll('storage').filter(
    (one) =>
      (one.content === 'disks' || one.content === 'mixed') && (connection === '' || one.connection === connection),
  )
  const wish = {
    id: point.id,
    identity,
    start,
    ...(connection === '' ? {} : { connection: connection as ConnectionId }),
    ...(name.trim() === '' ? {} : { name: name.trim() }),
    ...(storage === '' ? {} : { storage: storage as StorageId }),
  }
  const title = t.restoreOf({ name: point.name, time: formatTime(point.time) })
  if (step === 'plan')
    return (
      <Dialog title={title} onClose={onClose} wide>
        <Plan wish={wish} onBack={() => setStep('wish')} onDone={onClose} />
      </Dialog>
    )
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          setStep('plan')
        }}
      >
        <SelectField label={t.restoreTo} value={connection} onChange={(event) => setConnection(event.target.value)}>
          <option value="">{t.whereFrom}</option>
          {connections.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ))}
        </SelectField>
        <SelectField
          label={t.as}
          value={identity}
          help={identity === 'new' ? t.asNewHelp : t.asSameHelp}
          onChange={(event) => setIdentity(event.target.value === 'same' ? 'same' : 'new')}
        >
          <option value="new">{t.asNew}</option>
          <option value="same">{t.asSame}</option>
        </SelectField>
        <TextField
          label={common.name}
          placeholder={point.name}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <SelectField label={t.disksOn} value={storage} onChange={(event) => setStorage(event.target.value)}>
          <option value="">{t.disksWhere}</option>
          {storages.map((one) => (
            <option key={one.id} value={one.id}>
              {one.size === undefined
                ? one.name
                : t.free({ name: one.name, free: formatBytes(one.size - (one.used ?? 0)) })}
            </option>
          ))}
        </SelectField>
        <CheckField label={t.startWhole} checked={start} onChange={(event) => setStart(event.target.checked)} />
        <DialogButtons>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" look="solid">
            {t.showPlan}
          </Button>
        </DialogButtons>
      </form>
    </Dialog>
  )
}

type Wish = Parameters<typeof client.point.restorePlan>[0]

function Plan({
  wish,
  onBack,
  onDone,
}: {
  readonly wish: Wish
  readonly onBack: () => void
  readonly onDone: () => void
}): ReactNode {
  const plan = useQuery({
    queryKey: ['point.restorePlan', wish],
    queryFn: async ({ signal }) => await client.point.restorePlan(wish, { signal }),
    gcTime: 0,
    retry: false,
  })
  const work = useWork()
  const send = async (): Promise<void> => {
    await client.point.restore(wish)
    toast('good', t.restoring({ name: plan.data?.name ?? t.theVm }))
    onDone()
  }
  const problems = plan.data?.problems ?? []
  return (
    <div className="grid gap-4">
      {plan.isPending && <p role="status">{t.makingPlan}</p>}
      {plan.error && <Notice tone="bad">{errorText(plan.error)}</Notice>}
      {plan.data && <PlanDetails plan={plan.data} />}
      {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
      <DialogButtons>
        <Button onClick={onBack}>{common.back}</Button>
        <Button
          look="solid"
          disabled={work.busy || !plan.data}
          reason={problems.length > 0 ? t.notLikeThis : undefined}
          onClick={() => void work.run(send)}
        >
          {t.restore}
        </Button>
      </DialogButtons>
    </div>
  )
}

function PlanDetails({ plan: { name, disks, nics, notes, problems } }: { readonly plan: RestorePreview }): ReactNode {
  return (
    <>
      <p>{rich(t.planSays, { name: <b>{name}</b> })}</p>
      {problems.map((problem) => (
        <Notice key={problem} tone="bad">
          {problem}
        </Notice>
      ))}
      <SimpleTable
        label={shell.disks}
        heads={[inventoryText.disk, inventoryText.size, inventoryText.storage, t.how]}
        none={t.noDisks}
        rows={disks.map(({ key, name: disk, size, storage, mode }) => ({
          id: key,
          cells: [disk, formatBytes(size), <ObjectLink id={storage} />, mode === 'whole' ? t.whole : t.changed],
        }))}
      />
      <SimpleTable
        label={inventoryText.nics}
        heads={[inventoryText.nic, inventoryText.network, t.macAddress]}
        none={inventoryText.noNics}
        rows={nics.map(({ position, network, mac }) => ({
          id: position,
          cells: [
            position,
            network === null ? t.leftOut : <NetworkName id={network} />,
            mac === 'keep' ? t.macKeep : t.macNew,
          ],
        }))}
      />
      {notes.map((note) => (
        <Notice key={note} tone="info">
          {note}
        </Notice>
      ))}
    </>
  )
}

function NetworkName({ id }: { readonly id: string }): ReactNode {
  return useName(id) ?? common.unknown
}
